"""What is removed by age: messages, calls, sessions long disconnected; each only where the installation asks for it."""

import secrets

import sqlalchemy as sa
import structlog

from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.chats import calls, poll_votes
from flashapi.models.events import deliveries, events
from flashapi.models.messages import messages
from flashapi.models.outbox import outbox
from flashapi.models.sessions import State, Wanted, sessions
from flashapi.removal import remove_deliveries, sends_over
from flashapi.settings import Settings

log = structlog.get_logger()

BATCH = 500
TOMBSTONE = "deleted:"
"""A deleted session is renamed to this and its id until its rows are gone."""


def warn(settings: Settings) -> None:
    """Say in the log what will be deleted: the original had the variables too, and they did nothing there."""
    if settings.message_lifetime_seconds:
        log.warning("messages_will_be_deleted", after_seconds=settings.message_lifetime_seconds)
    if settings.session_lifetime_hours:
        log.warning("disconnected_sessions_will_be_deleted", after_hours=settings.session_lifetime_hours)


def clean(connections: Connections, settings: Settings) -> tuple[int, int]:
    """Remove everything that is due now; how many messages and sessions. Raises DatabaseUnavailable."""
    removed = buried = 0
    if settings.message_lifetime_seconds:
        oldest = now_ms() - settings.message_lifetime_seconds * 1_000
        while count := _remove_messages(connections, oldest):
            removed += count
    if settings.session_lifetime_hours:
        buried = _bury_idle(connections, now_ms() - settings.session_lifetime_hours * 3_600_000)
    if removed or buried:
        log.info("cleaned", messages=removed, sessions=buried)
    return removed, buried


def bury(connection: sa.Connection, session_id: str) -> None:
    """Free the session's name and key at once; its owner logs the device out and removes every row."""
    connection.execute(
        sessions.update()
        .where(sessions.c.id == session_id)
        .values(
            wanted=Wanted.DELETED,
            name=f"{TOMBSTONE}{session_id}",
            key_hash=secrets.token_hex(32),
            updated_at=now_ms(),
        )
    )


def _remove_messages(connections: Connections, oldest: int) -> int:
    """One batch of messages, and of what else repeats their text: events, finished sends, votes, calls."""
    batches = (
        (messages, messages.c.id, (messages.c.created_at < oldest,)),
        (outbox, outbox.c.id, sends_over(oldest)),
        (poll_votes, poll_votes.c.id, (poll_votes.c.voted_at < oldest,)),
        (calls, calls.c.id, (calls.c.created_at < oldest,)),
    )
    count = _remove_events(connections, oldest)
    for table, key, due in batches:
        with connections.reading() as connection:
            found = list(connection.scalars(sa.select(key).where(*due).limit(BATCH)))
        if found:
            with connections.part() as connection:
                count += connection.execute(table.delete().where(key.in_(found))).rowcount
    return count


def _remove_events(connections: Connections, oldest: int) -> int:
    """One batch of events, whatever they tell of: they stand in the order of their time."""
    first = sa.select(events.c.position, events.c.time).order_by(events.c.position).limit(BATCH)
    with connections.reading() as connection:
        due = [row.position for row in connection.execute(first) if row.time < oldest]
        if not due:
            return 0
        lines = sa.select(deliveries.c.id, deliveries.c.position).order_by(deliveries.c.id).limit(BATCH)
        undelivered = [row.id for row in connection.execute(lines) if row.position <= due[-1]]
    with connections.part() as connection:
        remove_deliveries(connection, undelivered)
        return connection.execute(events.delete().where(events.c.position <= due[-1])).rowcount


def _bury_idle(connections: Connections, since: int) -> int:
    """Sessions that nobody wants connected and that have been disconnected since then."""
    idle = (sessions.c.wanted == Wanted.STOPPED, sessions.c.state == State.DISCONNECTED, sessions.c.updated_at < since)
    with connections.transaction() as connection:
        found = list(connection.scalars(sa.select(sessions.c.id).where(*idle).limit(BATCH)))
        for session_id in found:
            bury(connection, session_id)
    return len(found)
