"""Removes what is too old, a batch at a time, so that nobody waits: events by number and by age, deliveries with them.

What goes undelivered becomes a dead letter first, which is kept as long as an event is; nothing ends without a trace.
"""

from typing import Any

import sqlalchemy as sa
import structlog

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import DeliveryState, deliveries, endpoints, events
from flashapi.parts import parts
from flashapi.removal import UNFINISHED, remove_deliveries

log = structlog.get_logger()

BATCH = 500
DAY_MS = 86_400_000
EXPIRED = "O evento não está mais guardado"


def trim(connections: Connections, keep: int, days: float) -> bool:
    """Remove one batch of what is too old; whether there may be more. Raises DatabaseUnavailable."""
    oldest_kept = now_ms() - round(days * DAY_MS)
    steps = (
        _trim_events(connections, keep, oldest_kept),
        _trim_dead_letters(connections, oldest_kept),
        _trim_removed_endpoints(connections),
    )
    return any(steps)


def _trim_events(connections: Connections, keep: int, oldest_kept: int) -> bool:
    first = sa.select(events.c.position, events.c.time).order_by(events.c.position).limit(BATCH)
    with connections.reading() as connection:
        newest_expired = bus.last_position(connection) - keep
        rows = connection.execute(first).all()
    expired = [row.position for row in rows if row.position <= newest_expired or row.time < oldest_kept]
    if not expired:
        return False
    last = expired[-1]  # positions are handed out in the order of time, near enough
    # By position alone: asked for their state too, SQLite would go through everything ever delivered.
    theirs = sa.select(deliveries.c.id, deliveries.c.state).where(deliveries.c.position <= last)
    with connections.transaction() as connection:
        found = connection.execute(theirs).all()
        unfinished = [row.id for row in found if row.state in UNFINISHED]
        for ids in parts(unfinished, BATCH):
            connection.execute(
                deliveries.update()
                .where(deliveries.c.id.in_(ids))
                .values(state=DeliveryState.DEAD, error=EXPIRED, finished_at=now_ms())
            )
        remove_deliveries(connection, [row.id for row in found if row.state == DeliveryState.DELIVERED])
        connection.execute(events.delete().where(events.c.position <= last))
    if unfinished:
        log.warning("undelivered_events_expired", count=len(unfinished))
    return len(expired) == BATCH


def _trim_dead_letters(connections: Connections, oldest_kept: int) -> bool:
    dead = (deliveries.c.state == DeliveryState.DEAD, deliveries.c.finished_at < oldest_kept)
    return _delete_some(connections, sa.select(deliveries.c.id).where(*dead).limit(BATCH))


def _trim_removed_endpoints(connections: Connections) -> bool:
    """The deliveries of endpoints that were deleted, and then these."""
    with connections.reading() as connection:
        removed = list(connection.scalars(sa.select(endpoints.c.id).where(endpoints.c.removed_at.is_not(None))))
    if not removed:
        return False
    if _delete_some(connections, sa.select(deliveries.c.id).where(deliveries.c.endpoint_id.in_(removed)).limit(BATCH)):
        return True
    with connections.transaction() as connection:
        connection.execute(endpoints.delete().where(endpoints.c.id.in_(removed)))
    return False


def _delete_some(connections: Connections, query: sa.Select[Any]) -> bool:
    with connections.reading() as connection:
        found = list(connection.scalars(query))
    if found:
        with connections.transaction() as connection:
            remove_deliveries(connection, found)
    return bool(found)
