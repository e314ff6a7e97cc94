"""Removes sends that are over, after OUTBOX_RETENTION_DAYS, and Idempotency-Keys after a day, a batch at a time."""

import sqlalchemy as sa

from flashapi import outbox_doubts
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import idempotency_keys, outbox
from flashapi.removal import sends_over

BATCH = 500
DAY_MS = 86_400_000
KEYS_KEPT_MS = DAY_MS


def trim(connections: Connections, days: float) -> bool:
    """Remove one batch of each; whether there may be more. Raises DatabaseUnavailable."""
    oldest = now_ms() - round(days * DAY_MS)
    outbox_doubts.remove_older(connections, oldest)
    over = sa.select(outbox.c.id).where(*sends_over(oldest)).order_by(outbox.c.finished_at).limit(BATCH)
    keys = idempotency_keys.c
    expired = sa.select(keys.session_id, keys.route, keys.key).where(keys.created_at < now_ms() - KEYS_KEPT_MS)
    with connections.reading() as connection:
        sends = connection.scalars(over).all()
        names = connection.execute(expired.limit(BATCH)).all()
    if not sends and not names:
        return False
    with connections.transaction() as connection:
        connection.execute(outbox.delete().where(outbox.c.id.in_(sends)))
        for name in names:
            connection.execute(
                idempotency_keys.delete().where(
                    keys.session_id == name.session_id,
                    keys.route == name.route,
                    keys.key == name.key,
                    keys.created_at < now_ms() - KEYS_KEPT_MS,  # it may have been used anew
                )
            )
    return BATCH in (len(sends), len(names))
