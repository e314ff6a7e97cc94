"""Replay: what was recorded is delivered again, under the same id, as new deliveries at the end of the line."""

import time
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from flashapi.errors import InvalidInput
from flashapi.models.base import now_ms
from flashapi.models.events import GLOBAL, DeliveryState, Origin, deliveries, events
from flashapi.parts import parts
from flashapi.services import endpoints, sessions, windows
from flashapi.services.backend import Backend
from flashapi.services.deliveries import get
from flashapi.services.windows import Condition

REPLAYED_AT_MOST = 100_000
BATCH = 500


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
    theirs = [] if owner == GLOBAL else [events.c.session_id == owner]
    if session is not None:
        theirs.append(events.c.session_id == sessions.get(backend, session).id)
    which = windows.within(events.c.time, (since, until))
    if delivery is not None:
        get(backend, owner, endpoint_id, delivery)
        found = _of_deliveries(backend, [deliveries.c.id == delivery], theirs + which)
    else:
        wanted = names if names else endpoint.events
        which += [events.c.name.in_(wanted)] if wanted is not None else []
        lost = (deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == DeliveryState.DEAD)
        if dead:
            found = _of_deliveries(backend, lost, theirs + which)
        else:
            found = _of_log(backend, theirs, since, until, which)
    count = _insert(backend, endpoint_id, _collected(found))
    endpoints.wake(backend, endpoint_id)
    return count


def _of_deliveries(backend: Backend, ours: Sequence[Condition], which: list[Condition]) -> Iterator[Sequence[int]]:
    """The positions of the events of these deliveries that fulfil `which`, some at a time."""
    joined = deliveries.join(events, events.c.position == deliveries.c.position)
    for window in windows.upwards(backend.connections, deliveries.c.id, ours):
        query = sa.select(events.c.position).select_from(joined).where(*which)
        asked = windows.inside(query, deliveries.c.id, ours, window)
        with backend.connections.reading() as connection:
            yield connection.scalars(asked).all()


def _of_log(
    backend: Backend, theirs: list[Condition], since: int | None, until: int | None, which: list[Condition]
) -> Iterator[Sequence[int]]:
    """The positions of the events that fulfil `which`, some at a time: along a session's, or by time, or along all."""
    by_time = not theirs and (since is not None or until is not None)
    column, ends = (events.c.time, (since, until)) if by_time else (events.c.position, (None, None))
    for window in windows.upwards(backend.connections, column, theirs, *ends):
        asked = windows.inside(sa.select(events.c.position).where(*which), column, theirs, window)
        with backend.connections.reading() as connection:
            yield connection.scalars(asked).all()


def _collected(found: Iterator[Sequence[int]]) -> list[int]:
    """Each position once, in order. Raises InvalidInput if they are too many."""
    positions: set[int] = set()
    for some in found:
        positions.update(some)
        if len(positions) > REPLAYED_AT_MOST:
            raise InvalidInput(f"São mais de {REPLAYED_AT_MOST} eventos: escolha um intervalo menor")
    return sorted(positions)


def _insert(backend: Backend, endpoint_id: int, positions: list[int]) -> int:
    """Write the deliveries, some at a time; how many."""
    constant = (sa.literal(endpoint_id), sa.literal(Origin.REPLAY.value), sa.literal(now_ms()))
    count = 0
    for batch in parts(positions, BATCH):
        some = events.c.position.in_(batch)
        told = sa.select(events.c.position, events.c.session_id, events.c.name, *constant).where(some)
        names = ["position", "session_id", "event", "endpoint_id", "origin", "created_at"]
        with backend.connections.transaction() as connection:
            made = connection.execute(deliveries.insert().from_select(names, told.order_by(events.c.position)))
            count += made.rowcount
        time.sleep(windows.PAUSE_SECONDS)
    return count
