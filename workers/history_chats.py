"""The chats of a phone's history as rows: new ones are added, known ones brought up to date."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.parts import parts
from workers import chat_rows
from workers.history_messages import GROUP

NAMES_AT_ONCE = 500
"""In one query: SQLite takes a bounded number of parameters."""


def add(connection: sa.Connection, session_id: str, conversations: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Write the chats; those that are new, each as it is to be told. A handful of statements if few have changed."""
    named = dict(conversations)
    known = _known(connection, session_id, list(named))
    moment = now_ms()
    new = []
    for jid, conversation in named.items():
        facts = _facts(conversation)
        row = known.get(jid)
        if row is None:
            first = {"unread": conversation.unreadCount, "last_message_at": _last_moment(conversation), "name": None}
            named_so = {"session_id": session_id, "jid": jid, "is_group": jid.endswith(GROUP)}
            new.append({**named_so, **first, **facts, "created_at": moment, "updated_at": moment})
        elif any(getattr(row, name) != value for name, value in facts.items()):
            connection.execute(chats.update().where(chats.c.id == row.id).values(updated_at=moment, **facts))
    if new:
        connection.execute(chats.insert(), new)
    return [_shown(row["jid"], named[row["jid"]]) for row in new]


def _known(connection: sa.Connection, session_id: str, jids: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts(jids, NAMES_AT_ONCE):
        theirs = (chats.c.session_id == session_id, chats.c.jid.in_(part))
        found |= {row.jid: row for row in connection.execute(sa.select(chats).where(*theirs))}
    return found


def _facts(conversation: Any) -> dict[str, Any]:
    facts = {
        "archived": conversation.archived,
        "pinned": conversation.pinned > 0,
        "muted_until": conversation.muteEndTime or None,
    }
    name = conversation.name or conversation.displayName
    return {**facts, "name": name[: chat_rows.NAME_LONGEST]} if name else facts


def _last_moment(conversation: Any) -> int:
    moments = [item.message.messageTimestamp for item in conversation.messages]
    return int(max([conversation.conversationTimestamp, conversation.lastMsgTimestamp, *moments]))


def _shown(jid: str, conversation: Any) -> dict[str, Any]:
    return {
        "id": jid,
        "name": conversation.name or conversation.displayName or None,
        "unreadCount": conversation.unreadCount,
        "conversationTimestamp": conversation.conversationTimestamp or conversation.lastMsgTimestamp,
        "archived": conversation.archived,
        "pinned": conversation.pinned > 0,
    }
