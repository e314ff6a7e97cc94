"""The log of an endpoint's deliveries."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from flashapi.errors import NotFound
from flashapi.models.events import attempts, deliveries, events
from flashapi.services import endpoints, sessions, windows
from flashapi.services.backend import Backend

Row = sa.Row[Any]

WINDOWS_AT_MOST = 100
"""How far one request looks for what its filters let through; the next page goes on from there."""
UNKNOWN = "Entrega não encontrada"

_LOG = sa.select(
    deliveries, events.c.id.label("event_id"), events.c.session_name, events.c.time.label("event_time")
).select_from(deliveries.outerjoin(events, events.c.position == deliveries.c.position))


@dataclass(frozen=True)
class Page:
    """Some deliveries, and the `before` to go on with; None at the end."""

    rows: list[Row]
    before: int | None


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
) -> Page:
    """Up to `limit` deliveries, the newest first; fewer, and maybe none, after a long look. Raises NotFound."""
    endpoints.get(backend, owner, endpoint_id)
    indexed = [deliveries.c.endpoint_id == endpoint_id]
    if state is not None:
        indexed.append(deliveries.c.state == state)
    which = windows.within(deliveries.c.created_at, (since, until))
    if event is not None:
        which.append(deliveries.c.event == event)
    if session is not None:
        which.append(deliveries.c.session_id == sessions.get(backend, session).id)
    newest_first = _LOG.where(*which).order_by(deliveries.c.id.desc())
    rows: list[Row] = []
    highest = None if before is None else before - 1
    for number, window in enumerate(windows.downwards(backend.connections, deliveries.c.id, indexed, highest), 1):
        asked = windows.inside(newest_first, deliveries.c.id, indexed, window).limit(limit - len(rows))
        with backend.connections.reading() as connection:
            rows += connection.execute(asked)
        if len(rows) == limit:
            return Page(rows, rows[-1].id)
        if number == WINDOWS_AT_MOST:
            return Page(rows, window[0])
    return Page(rows, None)


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
