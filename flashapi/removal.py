"""Everything a session has left behind in the tables, removed: by its owner, or by the web tier if it has none."""

from collections.abc import Sequence

import sqlalchemy as sa

from flashapi.models.chats import calls, chats, poll_votes
from flashapi.models.contacts import contacts
from flashapi.models.events import attempts, deliveries, endpoints, events
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.outbox import SendState, idempotency_keys, outbox, queues
from flashapi.models.sessions import sessions

BATCH = 500
"""So many rows a statement."""
REMOVABLE_SENDS = (SendState.SENT, SendState.FAILED, SendState.CANCELLED)
"""Sends that nobody asks about any more; an uncertain one is still counted, and stays until its owner has decided."""


def sends_over(before: int) -> list[sa.ColumnElement[bool]]:
    """Which sends were over before a moment and may go by their age: not those that answer for an Idempotency-Key."""
    keyed = sa.select(idempotency_keys.c.row_id).where(idempotency_keys.c.row_id.is_not(None))
    return [outbox.c.finished_at < before, outbox.c.state.in_(REMOVABLE_SENDS), outbox.c.id.not_in(keyed)]


def remove_rows(connection: sa.Connection, session_id: str) -> None:
    """Delete the session and all that belongs to it."""
    of_its_events = sa.select(events.c.position).where(events.c.session_id == session_id)
    of_its_endpoints = sa.select(endpoints.c.id).where(endpoints.c.session_id == session_id)
    its = sa.or_(deliveries.c.position.in_(of_its_events), deliveries.c.endpoint_id.in_(of_its_endpoints))
    remove_deliveries(connection, list(connection.scalars(sa.select(deliveries.c.id).where(its))))
    of_sends = (outbox, queues, idempotency_keys)
    for table in (endpoints, *of_sends, messages, calls, chats, poll_votes, contacts, groups, events):
        connection.execute(table.delete().where(table.c.session_id == session_id))
    connection.execute(sessions.delete().where(sessions.c.id == session_id))


def remove_deliveries(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Delete deliveries and the log of their attempts."""
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        connection.execute(attempts.delete().where(attempts.c.delivery_id.in_(batch)))
        connection.execute(deliveries.delete().where(deliveries.c.id.in_(batch)))
