"""First messages: to chats that the session has never written to, which may have to wait without holding up others.

A row found to be one has STRANGERS added to its rank. That is a line of its own, which the runner looks at when the
time has come; the rows keep their order, also where they meet the others again.
"""

import sqlalchemy as sa

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.messages import messages
from flashapi.models.outbox import STRANGERS, SendState, outbox
from workers.outbox_rows import Row

LONGEST_GAP_MS = 86_400_000


def set_aside(connections: Connections, row: Row, chat: str) -> None:
    """It would be the first message to this chat: the others need not wait behind it."""
    with connections.transaction() as connection:
        bus.take_turn(connection, row.session_id)
        connection.execute(
            outbox.update()
            .where(outbox.c.id == row.id, outbox.c.state == SendState.QUEUED, outbox.c.rank < STRANGERS)
            .values(rank=outbox.c.rank + STRANGERS, chat=chat)
        )


def rejoin(connections: Connections, session_id: str, chat: str) -> bool:
    """The chat has had its first message: what else there is for it stands in line again. Whether there is any."""
    set_aside_for_it = (
        outbox.c.session_id == session_id,
        outbox.c.state == SendState.QUEUED,
        outbox.c.rank >= STRANGERS,
        outbox.c.chat == chat,
    )
    with connections.reading() as connection:
        if connection.execute(sa.select(outbox.c.id).where(*set_aside_for_it).limit(1)).first() is None:
            return False
    with connections.transaction() as connection:
        bus.take_turn(connection, session_id)
        moved = connection.execute(outbox.update().where(*set_aside_for_it).values(rank=outbox.c.rank - STRANGERS))
    return moved.rowcount > 0


def last_start(connection: sa.Connection, session_id: str) -> int | None:
    """When the latest first message began, in ms, if that was within the longest gap there is between them."""
    now = now_ms()
    found: int | None = connection.execute(
        sa.select(outbox.c.sending_at)
        .where(
            outbox.c.session_id == session_id,
            outbox.c.sending_at > now - LONGEST_GAP_MS,
            outbox.c.sending_at <= now,
            outbox.c.rank >= STRANGERS,
        )
        .order_by(outbox.c.sending_at.desc())
        .limit(1)
    ).scalar()
    return found


def has_messages(connection: sa.Connection, session_id: str, chat: str, *, from_me: bool) -> bool:
    """Whether the session has a stored message of this chat, of its own or of the others."""
    found = connection.execute(
        sa.select(messages.c.id)
        .where(messages.c.session_id == session_id, messages.c.chat == chat, messages.c.from_me.is_(from_me))
        .limit(1)
    ).first()
    return found is not None
