"""The messages table as workers write it: adding, once each, and moving statuses forward."""

from enum import Enum
from typing import Any

import sqlalchemy as sa

from flashapi.events import MessageStatus
from flashapi.models.base import now_ms
from flashapi.models.messages import messages

ORDER = (MessageStatus.RECEIVED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)
"""A message's status moves only forward along this."""
UNDECRYPTABLE = "undecryptable"
"""The type of a message that came and couldn't be read, until it is recovered."""


class Insertion(Enum):
    """What became of a message that was to be added."""

    NEW = "new"
    RECOVERED = "recovered"  # it takes the place of one that couldn't be read before
    KNOWN = "known"


def insert_message(connection: sa.Connection, session_id: str, **columns: Any) -> Insertion:
    """Add a message row unless it is there already."""
    identity = {name: columns[name] for name in ("chat", "sender", "message_id")}
    known = connection.execute(
        sa.select(messages.c.id, messages.c.type).where(
            messages.c.session_id == session_id, *(messages.c[name] == value for name, value in identity.items())
        )
    ).first()
    if known is None:
        connection.execute(messages.insert(), {"session_id": session_id, "created_at": now_ms(), **columns})
        return Insertion.NEW
    if known.type == UNDECRYPTABLE and columns["type"] != UNDECRYPTABLE:
        connection.execute(messages.update().where(messages.c.id == known.id).values(columns))
        return Insertion.RECOVERED
    return Insertion.KNOWN


def advance_status(connection: sa.Connection, session_id: str, message_id: str, status: MessageStatus) -> Any:
    """Move a message's status forward; gives its row if it moved, None if it stood there, and raises LookupError if
    there is no such message."""
    rows = connection.execute(
        sa.select(messages.c.id, messages.c.chat, messages.c.from_me, messages.c.status).where(
            messages.c.session_id == session_id, messages.c.message_id == message_id
        )
    ).all()
    if not rows:
        raise LookupError(message_id)
    row = rows[0]
    if ORDER.index(MessageStatus(row.status)) >= ORDER.index(status):
        return None
    connection.execute(messages.update().where(messages.c.id == row.id).values(status=status.value))
    return row
