"""The deliveries table as the webhook worker uses it: what waits, and what became of it. Rows are the truth (D8)."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import GLOBAL, DeliveryState, deliveries, endpoints
from flashapi.settings import Settings

ERROR_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Head:
    """The oldest waiting delivery of an endpoint; url and event are None where they exist no more."""

    id: int
    endpoint_id: int
    attempts: int
    next_at: int
    url: str | None
    event: Recorded | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one attempt came to. `retry_in` in seconds; None where it was the last one."""

    delivered: bool
    status_code: int | None = None
    error: str | None = None
    retry_in: float | None = None


def endpoints_with_work(connections: Connections) -> list[int]:
    """The endpoints for which something waits."""
    waiting = sa.exists().where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.endpoint_id == endpoints.c.id)
    with connections.reading() as connection:
        return list(connection.scalars(sa.select(endpoints.c.id).where(waiting)))


def head_of(connections: Connections, endpoint_id: int) -> Head | None:
    """The first in an endpoint's line, None when nothing waits."""
    first = (
        sa.select(deliveries, endpoints.c.url, endpoints.c.enabled)
        .select_from(deliveries.outerjoin(endpoints, endpoints.c.id == deliveries.c.endpoint_id))
        .where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.endpoint_id == endpoint_id)
        .order_by(deliveries.c.id)
        .limit(1)
    )
    with connections.reading() as connection:
        row = connection.execute(first).first()
        if row is None:
            return None
        found = bus.at(connection, [row.position])
    return Head(
        id=row.id,
        endpoint_id=endpoint_id,
        attempts=row.attempts,
        next_at=row.next_at,
        url=row.url if row.enabled else None,
        event=found[0] if found else None,
    )


def record(connections: Connections, head: Head, outcome: Outcome) -> bool:
    """Write down an attempt; False if somebody else has meanwhile."""
    moment = now_ms()
    values = {
        "attempts": head.attempts + 1,
        "status_code": outcome.status_code,
        "error": outcome.error[:ERROR_LENGTH] if outcome.error else None,
    }
    if outcome.retry_in is not None:
        values["next_at"] = moment + int(outcome.retry_in * 1000)
    else:
        values["state"] = DeliveryState.DELIVERED if outcome.delivered else DeliveryState.DEAD
        values["finished_at"] = moment
    same = (
        deliveries.c.id == head.id,
        deliveries.c.state == DeliveryState.WAITING,
        deliveries.c.attempts == head.attempts,
    )
    with connections.transaction() as connection:
        return connection.execute(deliveries.update().where(*same).values(values)).rowcount == 1


def sync_global_endpoint(connections: Connections, settings: Settings) -> None:
    """Make the endpoint that hears every session what ENABLE_GLOBAL_WEBHOOK and GLOBAL_WEBHOOK_URL say."""
    url, moment = settings.global_webhook_url, now_ms()
    ours = endpoints.c.session_id == GLOBAL
    with connections.transaction() as connection:
        row = connection.execute(sa.select(endpoints).where(ours)).first()
        if row is None:
            if url:
                _insert_global(connection, url, moment)
        elif row.enabled != bool(url) or (url and row.url != url):
            connection.execute(
                endpoints.update().where(ours).values(url=url or row.url, enabled=bool(url), updated_at=moment)
            )


def _insert_global(connection: sa.Connection, url: str, moment: int) -> None:
    values = {"session_id": GLOBAL, "url": url, "events": None, "enabled": True}
    try:
        with connection.begin_nested():
            connection.execute(endpoints.insert(), {**values, "created_at": moment, "updated_at": moment})
    except IntegrityError:
        return  # another webhook worker, started at the same moment with the same settings, wrote it
