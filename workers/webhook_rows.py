"""The deliveries table as the webhook worker uses it: what waits, and what became of it. Rows are the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import GLOBAL, DeliveryState, EndpointKind, PauseReason, deliveries, endpoints
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from flashapi.webhooks import attempts
from flashapi.webhooks.calls import Attempt
from flashapi.webhooks.events import WebhookPaused


class Way(StrEnum):
    """The two ways to an endpoint; the name stands where the leases of shards have their mode."""

    LINE = "webhook"
    SLOW = "webhook-slow"


_STATE = {Way.LINE: DeliveryState.WAITING, Way.SLOW: DeliveryState.SLOW}
_OPEN = (endpoints.c.paused_at.is_(None), endpoints.c.removed_at.is_(None))
_ENDPOINT = [
    endpoints.c[name]
    for name in ("url", "headers", "secret", "previous_secrets", "last_success_at", "enabled")
]


@dataclass(frozen=True, kw_only=True)
class Head:
    """A delivery whose turn it is; `event` is None where it is no longer kept."""

    id: int
    endpoint_id: int
    attempts: int
    next_at: int
    failing_since: int | None
    moved_at: int | None
    event: Recorded | None
    endpoint: Any
    """The row of the endpoint, as far as a call needs it."""


def endpoints_with_work(connections: Connections) -> list[tuple[int, Way]]:
    """The endpoints for which something waits, and on which way; those of the slow lane only when it is due."""
    found = []
    with connections.reading() as connection:
        for way in Way:
            due = [] if way is Way.LINE else [deliveries.c.next_at <= now_ms()]
            waiting = sa.exists().where(
                deliveries.c.state == _STATE[way], deliveries.c.endpoint_id == endpoints.c.id, *due
            )
            ids = connection.scalars(sa.select(endpoints.c.id).where(*_OPEN, waiting))
            found += [(endpoint_id, way) for endpoint_id in ids]
    return found


def head_of(connections: Connections, endpoint_id: int, way: Way) -> Head | None:
    """The first of an endpoint's line, or of its slow lane the one that is due first; None when there is nothing."""
    order = deliveries.c.id if way is Way.LINE else deliveries.c.next_at
    return _first(connections, [deliveries.c.state == _STATE[way], deliveries.c.endpoint_id == endpoint_id], order)


def untried_behind(connections: Connections, head: Head) -> Head | None:
    """The first delivery behind the head that has never been tried."""
    behind = [deliveries.c.id > head.id, deliveries.c.attempts == 0]
    waiting = [deliveries.c.state == DeliveryState.WAITING, deliveries.c.endpoint_id == head.endpoint_id]
    return _first(connections, [*waiting, *behind], deliveries.c.id)


def _first(connections: Connections, which: list[Any], order: Any) -> Head | None:
    query = (
        sa.select(deliveries, *_ENDPOINT)
        .select_from(deliveries.join(endpoints, endpoints.c.id == deliveries.c.endpoint_id))
        .where(*which, *_OPEN)
        .order_by(order)
        .limit(1)
    )
    with connections.reading() as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        found = bus.at(connection, [row.position])
    return Head(
        id=row.id,
        endpoint_id=row.endpoint_id,
        attempts=row.attempts,
        next_at=row.next_at,
        failing_since=row.failing_since,
        moved_at=row.moved_at,
        event=found[0] if found else None,
        endpoint=row,
    )


def record(connections: Connections, head: Head, attempt: Attempt, values: Mapping[str, Any]) -> bool:
    """Write down an attempt and what it makes of the delivery; False if somebody else has meanwhile."""
    with connections.transaction() as connection:
        return attempts.write(connection, head.id, head.endpoint_id, attempt, before=head.attempts, **values)


def bury(connections: Connections, head: Head, error: str) -> None:
    """Make a delivery a dead letter without a call."""
    ours = (deliveries.c.id == head.id, deliveries.c.attempts == head.attempts, deliveries.c.finished_at.is_(None))
    values = {"state": DeliveryState.DEAD, "error": error, "finished_at": now_ms()}
    with connections.transaction() as connection:
        connection.execute(deliveries.update().where(*ours).values(values))


def move(connections: Connections, head: Head, next_at: int) -> None:
    """Take one delivery out of its line, into the slow lane."""
    ours = (deliveries.c.id == head.id, deliveries.c.state == DeliveryState.WAITING)
    values = {"state": DeliveryState.SLOW, "moved_at": now_ms(), "next_at": next_at}
    with connections.transaction() as connection:
        connection.execute(deliveries.update().where(*ours).values(values))


def postpone(connections: Connections, head: Head, next_at: int) -> bool:
    """Let a delivery wait till then, or longer if it does anyway; False if it was told meanwhile to go at once."""
    ours = (deliveries.c.id == head.id, deliveries.c.state == DeliveryState.WAITING)
    sooner = (deliveries.c.next_at > 0, deliveries.c.next_at < next_at)
    with connections.transaction() as connection:
        connection.execute(deliveries.update().where(*ours, *sooner).values(next_at=next_at))
        return connection.scalar(sa.select(deliveries.c.next_at).where(deliveries.c.id == head.id)) != 0


def answered_since(connections: Connections, endpoint_id: int, moment: int) -> bool:
    """Whether the endpoint has taken anything since then."""
    asked = sa.select(endpoints.c.last_success_at).where(endpoints.c.id == endpoint_id)
    with connections.reading() as connection:
        last = connection.scalar(asked)
    return last is not None and last > moment


def pause(
    connections: Connections, endpoint_id: int, reason: PauseReason, *, failing_before: int | None = None
) -> list[Recorded]:
    """Let the line stand still and tell of it; nothing if it does already.

    With `failing_before` only if nothing but failures has come of it since then or longer.
    """
    moment = now_ms()
    which = [endpoints.c.id == endpoint_id, *_OPEN]
    if failing_before is not None:
        which.append(endpoints.c.failing_since <= failing_before)
    values = {"paused_at": moment, "pause_reason": reason, "updated_at": moment}
    with connections.transaction() as connection:
        if not connection.execute(endpoints.update().where(*which).values(values)).rowcount:
            return []
        row = connection.execute(sa.select(endpoints).where(endpoints.c.id == endpoint_id)).one()
        event = WebhookPaused(
            endpoint=row.id, url=row.url, reason=reason.value, failing_since=row.failing_since
        )
        name = connection.scalar(sa.select(sessions.c.name).where(sessions.c.id == row.session_id))
        return [bus.record(connection, row.session_id, name or GLOBAL, event)]


def sync_global_endpoint(connections: Connections, settings: Settings) -> None:
    """Make the endpoint that hears every session what ENABLE_GLOBAL_WEBHOOK and GLOBAL_WEBHOOK_URL say."""
    url, moment = settings.global_webhook_url, now_ms()
    ours = endpoints.c.slot == EndpointKind.ENVIRONMENT
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
    kind = EndpointKind.ENVIRONMENT
    values = {"session_id": GLOBAL, "kind": kind, "slot": kind, "url": url, "enabled": True}
    try:
        with connection.begin_nested():
            connection.execute(endpoints.insert(), {**values, "created_at": moment, "updated_at": moment})
    except IntegrityError:
        return  # another webhook worker, started at the same moment with the same settings, wrote it
