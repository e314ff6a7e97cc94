"""The messages of a phone's history as rows: which of them are news, and adding these, many in a statement."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from flashapi.events import MessageStatus, Person, message_key
from flashapi.models.base import now_ms
from flashapi.models.messages import messages
from flashapi.parts import parts
from workers import people
from workers.from_whatsapp import content_kind, message_json
from workers.message_rows import UNDECRYPTABLE

STATUS = {3: MessageStatus.DELIVERED, 4: MessageStatus.READ, 5: MessageStatus.PLAYED}
"""WebMessageInfo.Status of our own messages; lower ones count as sent."""
GROUP = "@g.us"
IDS_AT_ONCE = 500
"""Named in one query: SQLite takes a bounded number of parameters."""


@dataclass(frozen=True)
class Old:
    """A message of the history, and whose it is."""

    chat: str
    sender: str
    item: Any
    """WhatsApp's WebMessageInfo."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from all others of the session."""
        return self.chat, self.sender, self.item.key.ID


def old_messages(connection: sa.Connection, session: Any, conversations: Sequence[tuple[str, Any]]) -> list[Old]:
    """The messages of these chats that have anything to show, the oldest first, each once."""
    items = [(jid, each.message) for jid, conversation in conversations for each in conversation.messages]
    items = [(jid, item) for jid, item in items if item.key.ID and content_kind(item.message) is not None]
    named = [_participant(jid, item) for jid, item in items if not item.key.fromMe]
    known = people.names(connection, session, named)
    found = [Old(jid, _sender(session, jid, item, known), item) for jid, item in items]
    once = {old.identity: old for old in found}
    return sorted(once.values(), key=lambda old: old.item.messageTimestamp)


def news_of(connection: sa.Connection, session_id: str, old: Sequence[Old]) -> list[Old]:
    """Those that aren't stored yet, or only as a message that couldn't be read."""
    stored = _Stored(connection, session_id, old)
    return [each for each in old if not stored.holds(each)]


def rows_of(session_id: str, news: Sequence[Old]) -> list[dict[str, Any]]:
    """The same as rows. Takes longer than writing them, so it is not done under the write lock."""
    return [_as_row(session_id, old) for old in news]


def insert(
    connection: sa.Connection, session_id: str, news: Sequence[Old], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Store the rows of those that are still news; each message as it is to be told."""
    stored = _Stored(connection, session_id, news)
    fresh = [(old, row) for old, row in zip(news, rows, strict=True) if not stored.holds(old)]
    new = []
    for old, row in fresh:
        unread = stored.unread.get(old.identity)
        if unread is None:
            new.append(row)
        else:
            connection.execute(messages.update().where(messages.c.id == unread).values(row))
    if new:
        connection.execute(messages.insert(), new)
    return [json.loads(row["content"]) for _, row in fresh]


class _Stored:
    """What the table holds under the ids of some messages."""

    def __init__(self, connection: sa.Connection, session_id: str, old: Sequence[Old]) -> None:
        self.unread: dict[tuple[str, str, str], int] = {}
        self._read: set[tuple[str, str, str]] = set()
        self._chats: set[tuple[str, str]] = set()
        for part in parts([each.item.key.ID for each in old], IDS_AT_ONCE):
            self._look(connection, session_id, part)

    def _look(self, connection: sa.Connection, session_id: str, ids: Sequence[str]) -> None:
        named = (messages.c.session_id == session_id, messages.c.message_id.in_(ids))
        columns = [messages.c[name] for name in ("id", "chat", "sender", "message_id", "type")]
        for row in connection.execute(sa.select(*columns).where(*named)):
            identity = (row.chat, row.sender, row.message_id)
            self._chats.add((row.chat, row.message_id))
            if row.type == UNDECRYPTABLE:
                self.unread[identity] = row.id
            else:
                self._read.add(identity)

    def holds(self, old: Old) -> bool:
        """Our own may have been stored under whichever of our names WhatsApp answered with."""
        if old.item.key.fromMe:
            return (old.chat, old.item.key.ID) in self._chats
        return old.identity in self._read


def _as_row(session_id: str, old: Old) -> dict[str, Any]:
    item, is_group = old.item, old.chat.endswith(GROUP)
    shown = {
        "key": message_key(item.key.ID, old.chat, item.key.fromMe, old.sender if is_group else None),
        "messageTimestamp": item.messageTimestamp,
        "pushName": item.pushName or None,
        "broadcast": item.broadcast,
        "message": message_json(item.message),
    }
    status = STATUS.get(item.status, MessageStatus.SENT) if item.key.fromMe else MessageStatus.RECEIVED
    return {
        "session_id": session_id,
        "chat": old.chat,
        "sender": old.sender,
        "message_id": item.key.ID,
        "from_me": item.key.fromMe,
        "is_group": is_group,
        "type": content_kind(item.message),
        "content": json.dumps(shown, ensure_ascii=False),
        "raw": item.message.SerializeToString(),
        "status": status.value,
        "timestamp": item.messageTimestamp,
        "created_at": now_ms(),
    }


def _participant(jid: str, item: Any) -> str:
    return str(item.participant or item.key.participant) if jid.endswith(GROUP) else jid


def _sender(session: Any, jid: str, item: Any, known: Mapping[str, Person]) -> str:
    if item.key.fromMe:
        return f"{session.phone}@s.whatsapp.net"
    named = _participant(jid, item)
    return known[named].preferred if named else jid
