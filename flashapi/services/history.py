"""What a session has stored: its messages and chats, a message's fate, a poll's votes."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi.errors import InvalidInput, NotFound
from flashapi.indexes import along
from flashapi.models.chats import chats, poll_votes
from flashapi.models.groups import groups
from flashapi.models.messages import NEWEST_FIRST, messages
from flashapi.services import chat_names
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.timestamps import iso

NO_MESSAGE = "Mensagem não encontrada"
POLLS = "pollCreationMessage"
BY_SESSION = (messages.c.session_id, messages.c.timestamp, messages.c.id)
BY_CHAT = (messages.c.session_id, messages.c.chat, messages.c.timestamp, messages.c.id)
_SHOWN = [column for column in messages.c if column.name != "raw"]
"""The protobuf is for the workers."""
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
"""`nextBefore`: a message's place, which still says where to go on when that message has been removed."""
_ROW = re.compile("[0-9]{1,18}")

Place = tuple[int, int]
"""Where a message stands among the others: its timestamp, and its row's number among those of the same second."""


def find(backend: Backend, session: Row, message_id: str) -> Row | None:
    """The newest stored message with this id."""
    with backend.connections.reading() as connection:
        return connection.execute(
            sa.select(*_SHOWN)
            .where(messages.c.session_id == session.id, messages.c.message_id == message_id)
            .order_by(*NEWEST_FIRST)
            .limit(1)
        ).first()


def key_of(row: Row) -> dict[str, Any]:
    """WhatsApp's name for a stored message, as a worker is told it."""
    participant = row.sender if row.is_group and not row.from_me else None
    return {"chat": row.chat, "from_me": bool(row.from_me), "participant": participant, "id": row.message_id}


def page(
    backend: Backend, session: Row, *, jid: str | None, limit: int, offset: int, before: str | None
) -> dict[str, Any]:
    """The newest messages by WhatsApp's time, or those before one, oldest first. `before` costs the same on every
    page, `offset` more on each; the total is counted only without `before`. Raises InvalidInput."""
    chosen: list[sa.ColumnElement[bool]] = [messages.c.session_id == session.id]
    with backend.connections.reading() as connection:
        if jid is not None:
            names = chat_names.stored(connection, session, jid)
            chosen.append(messages.c.chat == names[0] if len(names) == 1 else messages.c.chat.in_(names))
        query = newest(chosen, BY_SESSION if jid is None else BY_CHAT, limit + 1)
        total = None
        if before is not None:
            query = query.where(*earlier_than(_place_of(connection, session, before)))
        else:
            query = query.offset(offset)
            total = connection.execute(sa.select(sa.func.count()).select_from(messages).where(*chosen)).scalar_one()
        found = connection.execute(query).all()
    shown = [_describe(row) for row in reversed(found[:limit])]
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.timestamp}.{last.id}" if last is not None else None
    return {"messages": shown, "total": total, "limit": limit, "offset": offset, "nextBefore": following}


def newest(chosen: list[sa.ColumnElement[bool]], index: Sequence[sa.Column[Any]], limit: int) -> sa.Select[Any]:
    """The newest messages of those chosen. Left to itself MariaDB reads the session's whole index down to the page."""
    query = sa.select(*_SHOWN).where(*chosen).order_by(*NEWEST_FIRST).limit(limit)
    return along(query, *index)


def earlier_than(place: Place) -> list[sa.ColumnElement[bool]]:
    """The messages before a place. Spelled so that both databases begin to read there: MariaDB finds no way into an
    index by a comparison of pairs, and neither does by an OR alone."""
    timestamp, row = place
    return [
        messages.c.timestamp <= timestamp,
        sa.or_(messages.c.timestamp < timestamp, messages.c.id < row),
    ]


def list_chats(backend: Backend, session: Row) -> dict[str, Any]:
    """All chats, those with the newest messages first."""
    with backend.connections.reading() as connection:
        found = connection.execute(
            sa.select(chats, groups.c.subject)
            .outerjoin(groups, sa.and_(groups.c.session_id == chats.c.session_id, groups.c.jid == chats.c.jid))
            .where(chats.c.session_id == session.id)
            .order_by(chats.c.last_message_at.desc(), chats.c.id)
        ).all()
    return {"chats": [_describe_chat(row) for row in found], "total": len(found)}


def message_status(backend: Backend, session: Row, message_id: str) -> dict[str, Any]:
    """One message and how far it has come. Raises NotFound."""
    found = find(backend, session, message_id)
    if found is None:
        raise NotFound(NO_MESSAGE)
    return {**_describe(found), "messageId": found.message_id}


def poll_totals(backend: Backend, session: Row, message_id: str) -> dict[str, Any]:
    """The votes of a poll, by option and by voter. Raises NotFound, InvalidInput for what is no poll."""
    found = find(backend, session, message_id)
    if found is None:
        raise NotFound(NO_MESSAGE)
    if not found.type.startswith(POLLS):
        raise InvalidInput("A mensagem não é uma enquete")
    poll = json.loads(found.content)["message"][found.type]
    with backend.connections.reading() as connection:
        votes = connection.execute(
            sa.select(poll_votes)
            .where(poll_votes.c.session_id == session.id, poll_votes.c.poll_id == message_id)
            .order_by(poll_votes.c.id)
        ).all()
    counts = Counter(option for vote in votes for option in vote.options)
    return {
        "messageId": message_id,
        "jid": found.chat,
        "name": poll.get("name", ""),
        "selectableCount": poll.get("selectableOptionsCount", 0),
        "options": [
            {
                "name": option["optionName"],
                "votes": counts[option["optionName"]],
                "voters": [vote.voter for vote in votes if option["optionName"] in vote.options],
            }
            for option in poll.get("options", [])
        ],
        "total": sum(bool(vote.options) for vote in votes),
    }


def _place_of(connection: sa.Connection, session: Row, before: str) -> Place:
    """The place that `before` names: itself, by a row's number, or by a message's id."""
    if cursor := _CURSOR.fullmatch(before):
        return int(cursor[1]), int(cursor[2])
    names = [messages.c.message_id == before]
    if _ROW.fullmatch(before):
        names.insert(0, messages.c.id == int(before))
    for name in names:
        query = sa.select(messages.c.timestamp, messages.c.id).where(messages.c.session_id == session.id, name)
        found = connection.execute(query.order_by(*NEWEST_FIRST).limit(1)).first()
        if found is not None:
            return found.timestamp, found.id
    raise InvalidInput(f"before: mensagem {before} não encontrada")


def _describe(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "sessao_id": row.session_id,
        "mensagem_id": row.message_id,
        "remoteJid": row.chat,
        "fromMe": bool(row.from_me),
        "isgrupo": bool(row.is_group),
        "participant": row.sender if row.is_group else None,
        "tipo_mensagem": row.type,
        "conteudo_mensagem": json.loads(row.content),
        "timestamp": row.timestamp,
        "status": row.status,
        "created_at": iso(row.created_at),
        "editedAt": iso(row.edited_at) if row.edited_at else None,
        "revokedAt": iso(row.revoked_at) if row.revoked_at else None,
    }


def _describe_chat(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "sessao_id": row.session_id,
        "jid": row.jid,
        "nome": row.subject or row.name,
        "eh_grupo": bool(row.is_group),
        "mensagens_nao_lidas": row.unread,
        "ultima_mensagem": row.last_message_at or None,
        "arquivado": bool(row.archived),
        "fixado": bool(row.pinned),
        "silenciado_ate": row.muted_until,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
    }
