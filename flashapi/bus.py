"""Events from whoever records them to whoever listens.

`record()` writes the event and its deliveries inside the transaction of what they tell of; `announce()` publishes
after the commit. A publication that is lost costs nothing: readers notice the missing position and look into the table.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis
import sqlalchemy as sa
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from flashapi.events import Event
from flashapi.indexes import along
from flashapi.models.base import now_ms
from flashapi.models.events import GLOBAL, deliveries, endpoints, events
from flashapi.models.sessions import sessions

log = structlog.get_logger()

CHANNEL = "flashapi:events"
DELIVERIES_CHANNEL = "flashapi:deliveries"
_TURNS = "turns"

RETRY_SECONDS = 0.1
RETRY_AT_MOST_SECONDS = 2.0
"""Between two attempts to subscribe while Redis is away."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An event as it stands in the table."""

    position: int
    id: str
    session_id: str
    session_name: str
    name: str
    time: int
    data: Any
    endpoint_ids: tuple[int, ...] = ()


def record(
    connection: sa.Connection,
    session_id: str,
    session_name: str,
    event: Event,
    request_id: str | None = None,
    id: str | None = None,
) -> Recorded:
    """Write the event and one delivery per endpoint that wants it. Call `announce` after the commit.

    An event that may be recorded again after a crash gets its `id` from what it is made of: see `is_recorded`.
    """
    take_turn(connection, session_id)
    row, data = _as_row(session_id, session_name, event, request_id, id)
    position = connection.execute(events.insert(), row).inserted_primary_key[0]  # type: ignore[index]
    wanting = _endpoints_wanting(connection, session_id, event.type.value)
    _write_deliveries(connection, wanting, row, [position])
    return _recorded(row, data, position, wanting)


def record_all(
    connection: sa.Connection, session_id: str, session_name: str, of_one_type: Sequence[Event]
) -> list[Recorded]:
    """Write many events of one type in few statements, in their order. Call `announce` after the commit."""
    if len(of_one_type) < 2:
        return [record(connection, session_id, session_name, event) for event in of_one_type]
    take_turn(connection, session_id)
    rows = [_as_row(session_id, session_name, event) for event in of_one_type]
    connection.execute(events.insert(), [row for row, _ in rows])
    ids = [row["id"] for row, _ in rows]
    found = connection.execute(sa.select(events.c.id, events.c.position).where(events.c.id.in_(ids)))
    positions = {row.id: row.position for row in found}
    wanting = _endpoints_wanting(connection, session_id, of_one_type[0].type.value)
    _write_deliveries(connection, wanting, rows[0][0], sorted(positions.values()))
    return [_recorded(row, data, positions[row["id"]], wanting) for row, data in rows]


def take_turn(connection: sa.Connection, session_id: str) -> None:
    """Let nobody else record an event of this session before the commit.

    So a session's events become visible in the order of their positions, which is what readers go by. On SQLite there
    is one writer anyway. A transaction that changes rows which others change too does this first: no deadlocks.
    """
    if connection.dialect.name == "sqlite":
        return
    taken = _turns_taken(connection)
    if session_id not in taken:
        connection.execute(sa.select(sessions.c.id).where(sessions.c.id == session_id).with_for_update())
        taken.add(session_id)


def _turns_taken(connection: sa.Connection) -> set[str]:
    """The sessions whose turn this transaction has: it keeps them to its end."""
    current = connection.get_transaction()
    of: sa.RootTransaction | None
    taken: set[str]
    of, taken = connection.info.get(_TURNS, (None, set()))
    if current is None or of is not current:
        taken = set()
        connection.info[_TURNS] = current, taken
    return taken


def _as_row(
    session_id: str, session_name: str, event: Event, request_id: str | None = None, id: str | None = None
) -> tuple[dict[str, Any], Any]:
    data = event.data()
    row = {
        "id": id or f"evt_{uuid.uuid4().hex}",
        "session_id": session_id,
        "session_name": session_name,
        "name": event.type.value,
        "time": now_ms(),
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        "request_id": request_id,
    }
    return row, data


def _recorded(row: dict[str, Any], data: Any, position: int, wanting: Sequence[int]) -> Recorded:
    return Recorded(
        position=position,
        id=row["id"],
        session_id=row["session_id"],
        session_name=row["session_name"],
        name=row["name"],
        time=row["time"],
        data=data,
        endpoint_ids=tuple(wanting),
    )


def _write_deliveries(
    connection: sa.Connection, wanting: Sequence[int], event: dict[str, Any], positions: Sequence[int]
) -> None:
    if wanting:
        told = {"session_id": event["session_id"], "event": event["name"], "created_at": event["time"]}
        rows = [{"endpoint_id": each, "position": position, **told} for position in positions for each in wanting]
        connection.execute(deliveries.insert(), rows)


def is_recorded(connection: sa.Connection, id: str) -> bool:
    """Whether an event with this id is in the table."""
    return connection.execute(sa.select(events.c.position).where(events.c.id == id)).first() is not None


def _endpoints_wanting(connection: sa.Connection, session_id: str, name: str) -> list[int]:
    found = connection.execute(
        sa.select(endpoints.c.id, endpoints.c.events).where(
            endpoints.c.session_id.in_([session_id, GLOBAL]), endpoints.c.enabled.is_(True)
        )
    )
    return [row.id for row in found if row.events is None or name in row.events]


def announce(client: "redis.Redis", recorded: Iterable[Recorded]) -> None:
    """Tell the web processes and the deliverers. Redis being away is survivable: the rows are in the table."""
    recorded = tuple(recorded)
    if not recorded:
        return
    try:
        with client.pipeline(transaction=False) as pipe:
            for event in recorded:
                pipe.publish(CHANNEL, json.dumps(asdict(event), ensure_ascii=False))
            waiting = sorted({endpoint for event in recorded for endpoint in event.endpoint_ids})
            if waiting:
                pipe.publish(DELIVERIES_CHANNEL, json.dumps(waiting))
            pipe.execute()
    except redis.RedisError as error:
        log.warning("announcement_lost", positions=[event.position for event in recorded], error=str(error))


def parse(publication: bytes | str) -> Recorded:
    """A publication on CHANNEL as the event it tells of."""
    fields = json.loads(publication)
    fields["endpoint_ids"] = tuple(fields["endpoint_ids"])
    return Recorded(**fields)


def subscribe(client: "redis.Redis", *channels: str, tick: float) -> Iterator[bytes | None]:
    """The publications on these channels, for ever, and None whenever it is time to look into the table as well.

    That is: after each (re)connection, after `tick` seconds of silence, and, while Redis is away, at each attempt.
    """
    pool = client.connection_pool
    # redis-py would reconnect by itself and not tell that publications were missed meanwhile.
    options = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    own = redis.Redis(connection_pool=redis.ConnectionPool(pool.connection_class, max_connections=1, **options))
    pause = RETRY_SECONDS
    try:
        while True:
            try:
                with own.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                    subscription.subscribe(*channels)
                    while True:
                        message = subscription.get_message(timeout=tick)  # None also for the confirmation
                        pause = RETRY_SECONDS
                        yield message["data"] if message is not None else None
            except redis.RedisError as error:
                if pause == RETRY_SECONDS:
                    log.warning("subscription_lost", channels=channels, error=str(error))
            yield None
            time.sleep(pause)
            pause = min(pause * 2, RETRY_AT_MOST_SECONDS)
    finally:
        own.close()


def last_position(connection: sa.Connection) -> int:
    """The position of the newest event, 0 when there is none."""
    return connection.execute(sa.select(sa.func.max(events.c.position))).scalar() or 0


def after(
    connection: sa.Connection,
    position: int,
    limit: int,
    session_id: str | None = None,
    names: Sequence[str] | None = None,
) -> Sequence[Recorded]:
    """Up to `limit` events behind `position`, oldest first, of one session or of all, of these names or of all."""
    query = sa.select(events).where(events.c.position > position).order_by(events.c.position).limit(limit)
    if session_id is not None:
        query = along(query.where(events.c.session_id == session_id), events.c.session_id, events.c.position)
    if names is not None:
        query = query.where(events.c.name.in_(names))
    return [_from_row(row) for row in connection.execute(query)]


def at(connection: sa.Connection, positions: Iterable[int]) -> Sequence[Recorded]:
    """The events at these positions, those that exist, oldest first."""
    query = sa.select(events).where(events.c.position.in_(list(positions))).order_by(events.c.position)
    return [_from_row(row) for row in connection.execute(query)]


def _from_row(row: Any) -> Recorded:
    return Recorded(
        position=row.position,
        id=row.id,
        session_id=row.session_id,
        session_name=row.session_name,
        name=row.name,
        time=row.time,
        data=json.loads(row.data),
    )
