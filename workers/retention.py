"""Removes events beyond the newest EVENT_RETENTION, and their deliveries: a batch at a time, so that nobody waits."""

import sqlalchemy as sa
import structlog

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.events import DeliveryState, deliveries, events

log = structlog.get_logger()

BATCH = 500


def trim(connections: Connections, keep: int) -> bool:
    """Remove one batch of what is too old; whether there may be more. Raises DatabaseUnavailable."""
    with connections.reading() as connection:
        newest_expired = bus.last_position(connection) - keep
        oldest = connection.scalar(sa.select(sa.func.min(events.c.position)))
        oldest_deliveries = connection.execute(
            sa.select(deliveries.c.id, deliveries.c.position, deliveries.c.state).order_by(deliveries.c.id).limit(BATCH)
        ).all()
    # Deliveries are numbered in the order of their events, near enough: those too old stand at the beginning.
    expired = [row for row in oldest_deliveries if row.position <= newest_expired]
    if expired:
        unsent = sum(row.state == DeliveryState.WAITING for row in expired)
        if unsent:
            log.warning("undelivered_events_expired", count=unsent)
        with connections.transaction() as connection:
            connection.execute(deliveries.delete().where(deliveries.c.id.in_([row.id for row in expired])))
    if oldest is None or oldest > newest_expired:
        return len(expired) == BATCH
    last = min(newest_expired, oldest + BATCH - 1)
    with connections.transaction() as connection:
        connection.execute(events.delete().where(events.c.position <= last))
    return True
