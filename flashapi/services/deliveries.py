"""The log of an endpoint's deliveries, and replay: what was recorded is delivered again, under the same id."""

from typing import Any

import sqlalchemy as sa

from flashapi.errors import InvalidInput, NotFound
from flashapi.models.base import now_ms
from flashapi.models.events import GLOBAL, DeliveryState, Origin, attempts, deliveries, events
from flashapi.services import endpoints, sessions
from flashapi.services.backend import Backend

Row = sa.Row[Any]

REPLAYED_AT_MOST = 100_000
BATCH = 1_000
UNKNOWN = "Entrega não encontrada"

_LOG = sa.select(
    deliveries, events.c.id.label("event_id"), events.c.session_name, events.c.time.label("event_time")
).select_from(deliveries.outerjoin(events, events.c.position == deliveries.c.position))


def page(
    backend: Backend,
    owner: str,
    endpoint_id: int,
    *,
    state: str | None,
    event: str | None,
    session: str | None,
    since: int | None,
    until: int | None,
    before: int | None,
    limit: int,
) -> list[Row]:
    """Up to `limit` deliveries, the newest first. Raises NotFound."""
    endpoints.get(backend, owner, endpoint_id)
    which: list[sa.ColumnElement[bool]] = [deliveries.c.endpoint_id == endpoint_id]
    for column, value in ((deliveries.c.state, state), (deliveries.c.event, event)):
        if value is not None:
            which.append(column == value)
    if session is not None:
        which.append(deliveries.c.session_id == sessions.get(backend, session).id)
    if since is not None:
        which.append(deliveries.c.created_at >= since)
    if until is not None:
        which.append(deliveries.c.created_at <= until)
    if before is not None:
        which.append(deliveries.c.id < before)
    with backend.connections.reading() as connection:
        return list(connection.execute(_LOG.where(*which).order_by(deliveries.c.id.desc()).limit(limit)))


def get(backend: Backend, owner: str, endpoint_id: int, delivery_id: int) -> tuple[Row, list[Row]]:
    """One delivery and its attempts, the oldest first. Raises NotFound."""
    endpoints.get(backend, owner, endpoint_id)
    ours = (deliveries.c.id == delivery_id, deliveries.c.endpoint_id == endpoint_id)
    tried = sa.select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id)
    with backend.connections.reading() as connection:
        row = connection.execute(_LOG.where(*ours)).first()
        if row is None:
            raise NotFound(UNKNOWN)
        return row, list(connection.execute(tried))


def replay(
    backend: Backend,
    owner: str,
    endpoint_id: int,
    *,
    delivery: int | None,
    dead: bool,
    session: str | None,
    names: list[str] | None,
    since: int | None,
    until: int | None,
) -> int:
    """Put events into the endpoint's line once more; how many.

    One delivery, or its dead letters, or whatever the event log holds: of a session, of some names, of a time range.
    Without names, those that the endpoint asks for. Raises NotFound, InvalidInput.
    """
    endpoint = endpoints.get(backend, owner, endpoint_id)
    if delivery is None and not dead and session is None and not names and since is None and until is None:
        raise InvalidInput("Informe ao menos um filtro: delivery, dead, session, events, from ou to")
    wanted = names if names else endpoint.events
    which: list[sa.ColumnElement[bool]] = [events.c.name.in_(wanted)] if wanted is not None else []
    if delivery is not None:
        get(backend, owner, endpoint_id, delivery)
        which = [events.c.position.in_(sa.select(deliveries.c.position).where(deliveries.c.id == delivery))]
    if dead:
        lost = (deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == DeliveryState.DEAD)
        which.append(events.c.position.in_(sa.select(deliveries.c.position).where(*lost)))
    if owner != GLOBAL:
        which.append(events.c.session_id == owner)
    if session is not None:
        which.append(events.c.session_id == sessions.get(backend, session).id)
    if since is not None:
        which.append(events.c.time >= since)
    if until is not None:
        which.append(events.c.time <= until)
    count = _insert(backend, endpoint_id, which)
    endpoints.wake(backend, endpoint_id)
    return count


def _insert(backend: Backend, endpoint_id: int, which: list[sa.ColumnElement[bool]]) -> int:
    with backend.connections.reading() as connection:
        found = connection.execute(
            sa.select(events.c.position, events.c.session_id, events.c.name)
            .where(*which)
            .order_by(events.c.position)
            .limit(REPLAYED_AT_MOST + 1)
        ).all()
    if len(found) > REPLAYED_AT_MOST:
        raise InvalidInput(f"São mais de {REPLAYED_AT_MOST} eventos: escolha um intervalo menor")
    moment = now_ms()
    for first in range(0, len(found), BATCH):
        rows = [
            {
                "endpoint_id": endpoint_id,
                "position": event.position,
                "session_id": event.session_id,
                "event": event.name,
                "origin": Origin.REPLAY,
                "created_at": moment,
            }
            for event in found[first : first + BATCH]
        ]
        with backend.connections.transaction() as connection:
            connection.execute(deliveries.insert(), rows)
    return len(found)
