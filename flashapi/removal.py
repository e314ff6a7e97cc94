"""Everything a session has left behind in the tables, removed: by its owner, or by the web tier if it has none.

In parts, since one transaction would hold SQLite's only write lock for longer than sends wait for it. The session's own
row goes last, so that whoever finds a deleted session with rows goes on where somebody else was cut off.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.indexes import along
from flashapi.models.base import now_ms
from flashapi.models.chats import calls, chats, poll_votes
from flashapi.models.contacts import contacts, known_people
from flashapi.models.events import GLOBAL, DeliveryState, attempts, deliveries, endpoints, events
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.outbox import SendState, doubts, idempotency_keys, outbox, queues, stray_receipts
from flashapi.models.sessions import sessions
from flashapi.parts import parts

BATCH = 500
"""So many rows a statement, and a transaction."""
REMOVABLE_SENDS = (SendState.SENT, SendState.FAILED, SendState.CANCELLED, SendState.DISMISSED)
"""Sends that nobody asks about any more; an uncertain one is still counted, and stays until its owner has decided."""
LEFT_FOR_MS = 60_000
"""So long what was delivered of a deleted session can still be looked up."""
UNFINISHED = (DeliveryState.WAITING, DeliveryState.SLOW)
_LARGE = (messages, outbox, doubts, stray_receipts, poll_votes, calls, chats, contacts, known_people, groups)
_KEYS = idempotency_keys.c


def sends_over(before: int) -> list[sa.ColumnElement[bool]]:
    """Which sends were over before a moment and may go by their age: not those that answer for an Idempotency-Key."""
    keyed = sa.select(idempotency_keys.c.row_id).where(idempotency_keys.c.row_id.is_not(None))
    return [outbox.c.finished_at < before, outbox.c.state.in_(REMOVABLE_SENDS), outbox.c.id.not_in(keyed)]


def remove_session(connections: Connections, session_id: str) -> None:
    """Delete a buried session (`cleaning.bury`) and all that belongs to it. Raises DatabaseUnavailable.

    What endpoints of the whole installation still have to deliver of it stays, with its events, until that is done.
    """
    own = _close_endpoints(connections, session_id)
    _remove_deliveries_where(connections, deliveries.c.endpoint_id.in_(own))
    remove_events(connections, session_id)
    for table in _LARGE:
        _remove_where(connections, table, table.c.session_id == session_id)
    _remove_keys(connections, session_id)
    with connections.transaction() as connection:
        for table in (endpoints, queues, idempotency_keys, *_LARGE):  # what a request in flight has written meanwhile
            connection.execute(table.delete().where(table.c.session_id == session_id))
        connection.execute(sessions.delete().where(sessions.c.id == session_id))


def remove_events(connections: Connections, session_id: str, *, before: int | None = None) -> None:
    """Delete the session's events that nobody has to deliver any more, and what was delivered of them.

    With `before` only those of before that moment, in ms. Dead letters stay as long as others do: they hold nothing of
    the event but its name.
    """
    owed = sa.exists().where(deliveries.c.position == events.c.position, deliveries.c.state.in_(UNFINISHED))
    old = [events.c.time < before] if before is not None else []
    last = 0
    while True:
        free = (events.c.session_id == session_id, events.c.position > last, ~owed, *old)
        with connections.reading() as connection:
            query = sa.select(events.c.position).where(*free).order_by(events.c.position).limit(BATCH)
            positions = list(connection.scalars(along(query, events.c.session_id, events.c.position)))
        if not positions:
            return
        last = positions[-1]
        # The state is looked at here: asked for, SQLite would go through everything ever delivered to find it.
        theirs = sa.select(deliveries.c.id, deliveries.c.state).where(deliveries.c.position.in_(positions))
        with connections.part() as connection:
            found = connection.execute(theirs).all()
            remove_deliveries(connection, [row.id for row in found if row.state == DeliveryState.DELIVERED])
            connection.execute(events.delete().where(events.c.position.in_(positions)))


def remove_left_behind(connections: Connections, kept_ms: int = LEFT_FOR_MS) -> None:
    """Delete the events of deleted sessions that have been delivered since. Raises DatabaseUnavailable."""
    with connections.reading() as connection:
        told_of = set(connection.scalars(sa.select(events.c.session_id).distinct()))
        there = set(connection.scalars(sa.select(sessions.c.id)))
    for session_id in told_of - there - {GLOBAL}:
        remove_events(connections, session_id, before=now_ms() - kept_ms)


def remove_deliveries(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Delete deliveries and the log of their attempts."""
    for batch in parts(ids, BATCH):
        connection.execute(attempts.delete().where(attempts.c.delivery_id.in_(batch)))
        connection.execute(deliveries.delete().where(deliveries.c.id.in_(batch)))


def _close_endpoints(connections: Connections, session_id: str) -> list[int]:
    """Have nothing more delivered to the session's own endpoints; their numbers.

    Its device is logged out by now, so whoever goes on need not try that again.
    """
    its = endpoints.c.session_id == session_id
    with connections.transaction() as connection:
        connection.execute(sessions.update().where(sessions.c.id == session_id).values(paired=False))
        connection.execute(endpoints.update().where(its).values(enabled=False, removed_at=now_ms()))
        return list(connection.scalars(sa.select(endpoints.c.id).where(its)))


def _batches(connections: Connections, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """What the query finds, some at a time until there is nothing more: whoever gets them removes them."""
    while True:
        with connections.reading() as connection:
            found = connection.execute(query.limit(BATCH)).all()
        if not found:
            return
        yield found


def _remove_deliveries_where(connections: Connections, which: sa.ColumnElement[bool]) -> None:
    for found in _batches(connections, sa.select(deliveries.c.id).where(which)):
        with connections.part() as connection:
            remove_deliveries(connection, [row.id for row in found])


def _remove_where(connections: Connections, table: sa.Table, which: sa.ColumnElement[bool]) -> None:
    for found in _batches(connections, sa.select(table.c.id).where(which)):
        with connections.part() as connection:
            connection.execute(table.delete().where(table.c.id.in_([row.id for row in found])))


def _remove_keys(connections: Connections, session_id: str) -> None:
    its = _KEYS.session_id == session_id
    for found in _batches(connections, sa.select(_KEYS.route, _KEYS.key).where(its)):
        named = sa.tuple_(_KEYS.route, _KEYS.key).in_([tuple(row) for row in found])
        with connections.part() as connection:
            connection.execute(idempotency_keys.delete().where(its, named))
