"""An attempt written down: in the log, on its delivery, and on the endpoint, whose health it tells of."""

from typing import Any

import sqlalchemy as sa

from flashapi.models.events import attempts, deliveries, endpoints
from flashapi.webhooks.calls import Attempt

SUCCESS_NOTED_EVERY_MS = 1_000
"""An endpoint that takes everything is written to this often, not with each delivery."""


def write(
    connection: sa.Connection, delivery_id: int, endpoint_id: int, attempt: Attempt, *, before: int, **values: Any
) -> bool:
    """Record an attempt, the one after `before` others, with new values of its delivery.

    False, and nothing written, if somebody else has recorded one meanwhile.
    """
    ours = (deliveries.c.id == delivery_id, deliveries.c.attempts == before, deliveries.c.finished_at.is_(None))
    told = {"attempts": before + 1, "status_code": attempt.status_code, "error": attempt.error, **values}
    if connection.execute(deliveries.update().where(*ours).values(told)).rowcount != 1:
        return False
    connection.execute(
        attempts.insert(),
        {
            "delivery_id": delivery_id,
            "at": attempt.at,
            "duration_ms": attempt.duration_ms,
            "status_code": attempt.status_code,
            "error": attempt.error,
            "response": attempt.response,
        },
    )
    _note_health(connection, endpoint_id, attempt)
    return True


def refusals_since_success(connection: sa.Connection, delivery_id: int, endpoint_id: int) -> int:
    """How often a delivery has been tried in vain since its endpoint last took anything; 0 if it never has."""
    last = sa.select(endpoints.c.last_success_at).where(endpoints.c.id == endpoint_id).scalar_subquery()
    asked = sa.select(sa.func.count()).where(attempts.c.delivery_id == delivery_id, attempts.c.at >= last)
    return connection.scalar(asked) or 0


def _note_health(connection: sa.Connection, endpoint_id: int, attempt: Attempt) -> None:
    ended = attempt.at + attempt.duration_ms
    ours = endpoints.c.id == endpoint_id
    if attempt.delivered:
        outdated = sa.or_(
            endpoints.c.failing_since.is_not(None),
            endpoints.c.last_success_at.is_(None),
            endpoints.c.last_success_at < ended - SUCCESS_NOTED_EVERY_MS,
        )
        values: dict[str, Any] = {"failing_since": None, "last_success_at": ended}
    else:
        outdated = endpoints.c.failing_since.is_(None)
        values = {"failing_since": attempt.at}
    connection.execute(endpoints.update().where(ours, outdated).values(values))
