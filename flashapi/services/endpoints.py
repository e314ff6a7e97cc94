"""Webhook endpoints: making them, changing them, their secrets, stopping and trying them out.

`owner` is a session's id, or GLOBAL for those that hear every session.
"""

from typing import Any

import redis
import sqlalchemy as sa
import structlog

from flashapi import bus
from flashapi.addresses import OutgoingRefused
from flashapi.errors import Conflict, InvalidInput, NotFound, Unavailable
from flashapi.models.base import now_ms
from flashapi.models.events import (
    GLOBAL,
    DeliveryState,
    EndpointKind,
    Origin,
    PauseReason,
    deliveries,
    endpoints,
)
from flashapi.models.sessions import sessions
from flashapi.services import windows
from flashapi.services.backend import Backend
from flashapi.services.webhooks import REMOVED
from flashapi.webhooks import attempts, secrets
from flashapi.webhooks.calls import Attempt, call, destination_of
from flashapi.webhooks.events import WebhookTest, unrecorded

log = structlog.get_logger()

Row = sa.Row[Any]

AT_MOST = 50
"""Endpoints of one owner: each event is written down once for each."""
FRONT = 1_500
"""More than one a minute for a day: so often one behind the head is tried before the endpoint is paused."""
UNKNOWN = "Webhook não encontrado"
UNSEALABLE = "WEBHOOK_SECRET_KEY não está definida: sem ela os segredos dos webhooks não podem ser guardados"


def every(backend: Backend, owner: str) -> list[Row]:
    """The endpoints of a session, or the global ones, the oldest first."""
    query = sa.select(endpoints).where(endpoints.c.session_id == owner, endpoints.c.removed_at.is_(None))
    with backend.connections.reading() as connection:
        return list(connection.execute(query.order_by(endpoints.c.id)))


def get(backend: Backend, owner: str, endpoint_id: int) -> Row:
    """One endpoint. Raises NotFound."""
    with backend.connections.reading() as connection:
        return _of(connection, owner, endpoint_id)


def waiting(backend: Backend, endpoint_id: int) -> dict[str, int]:
    """How many deliveries are not done, by state."""
    unfinished = (DeliveryState.WAITING, DeliveryState.SLOW, DeliveryState.DEAD)
    theirs = deliveries.c.endpoint_id == endpoint_id
    return {
        state.value: windows.count(backend.connections, deliveries.c.id, [deliveries.c.state == state, theirs])
        for state in unfinished
    }


def create(backend: Backend, owner: str, **fields: Any) -> tuple[Row, str]:
    """Make an endpoint; gives it and its secret, which can't be read again. Raises InvalidInput, Conflict."""
    _check(backend, fields["url"])
    secret, moment = secrets.new_secret(), now_ms()
    row = {"session_id": owner, "kind": EndpointKind.OWN, "secret": _sealed(backend, secret), **_columns(fields)}
    with backend.connections.transaction(durable=True) as connection:
        count = sa.select(sa.func.count()).select_from(endpoints)
        theirs = (endpoints.c.session_id == owner, endpoints.c.removed_at.is_(None))
        if connection.execute(count.where(*theirs)).scalar_one() >= AT_MOST:
            raise Conflict(f"O limite é de {AT_MOST} webhooks")
        made = connection.execute(endpoints.insert().values({**row, "created_at": moment, "updated_at": moment}))
        assert made.inserted_primary_key is not None
        return _of(connection, owner, made.inserted_primary_key[0]), secret


def update(backend: Backend, owner: str, endpoint_id: int, **fields: Any) -> Row:
    """Change what is given. The line goes on at once, with the new address. Raises NotFound, InvalidInput, Conflict."""
    if "url" in fields:
        _check(backend, fields["url"])
    with backend.connections.transaction(durable=True) as connection:
        row = _of(connection, owner, endpoint_id)
        if row.kind == EndpointKind.ENVIRONMENT and {"url", "events", "enabled"} & fields.keys():
            raise Conflict("Este webhook vem de GLOBAL_WEBHOOK_URL: mude-o lá")
        _change(connection, endpoint_id, **_columns(fields))
        _hurry(connection, endpoint_id)
        row = _of(connection, owner, endpoint_id)
    wake(backend, endpoint_id)
    return row


def remove(backend: Backend, owner: str, endpoint_id: int) -> None:
    """Delete an endpoint and, bit by bit, its log. Raises NotFound, Conflict."""
    with backend.connections.transaction(durable=True) as connection:
        if _of(connection, owner, endpoint_id).kind == EndpointKind.ENVIRONMENT:
            raise Conflict("Este webhook vem de GLOBAL_WEBHOOK_URL: desligue-o lá")
        _change(connection, endpoint_id, **REMOVED, removed_at=now_ms())


def rotate_secret(backend: Backend, owner: str, endpoint_id: int) -> tuple[Row, str]:
    """A new secret; each one it follows signs beside it until a day after its own replacement. Raises NotFound."""
    secret = secrets.new_secret()
    with backend.connections.transaction(durable=True) as connection:
        row = _of(connection, owner, endpoint_id, alone=True)
        previous = secrets.with_replaced(row.previous_secrets, row.secret) if row.secret else []
        _change(connection, endpoint_id, secret=_sealed(backend, secret), previous_secrets=previous)
        return _of(connection, owner, endpoint_id), secret


def pause(backend: Backend, owner: str, endpoint_id: int) -> Row:
    """Let the line stand still: what happens meanwhile waits. Raises NotFound."""
    with backend.connections.transaction() as connection:
        if _of(connection, owner, endpoint_id).paused_at is None:
            _change(connection, endpoint_id, paused_at=now_ms(), pause_reason=PauseReason.ASKED)
        return _of(connection, owner, endpoint_id)


def resume(backend: Backend, owner: str, endpoint_id: int) -> Row:
    """Go on, with what has waited first. Raises NotFound."""
    with backend.connections.transaction() as connection:
        _of(connection, owner, endpoint_id)
        _change(connection, endpoint_id, paused_at=None, pause_reason=None, failing_since=None)
        _hurry(connection, endpoint_id)
        row = _of(connection, owner, endpoint_id)
    wake(backend, endpoint_id)
    return row


def try_out(backend: Backend, owner: str, endpoint_id: int) -> Attempt:
    """Deliver a test event now, past the line and on no other way, and write it into the log.

    Raises NotFound, Conflict.
    """
    with backend.connections.reading() as connection:
        row = _of(connection, owner, endpoint_id)
        name = connection.scalar(sa.select(sessions.c.name).where(sessions.c.id == owner)) or GLOBAL
    event = unrecorded(WebhookTest(endpoint=endpoint_id), owner, name)
    try:
        destination = destination_of(backend.settings.webhook_secret_key, row)
    except secrets.CannotOpen as error:
        raise Conflict(str(error)) from error
    attempt = call(backend.fetcher, destination, event)
    delivery = {
        "endpoint_id": endpoint_id,
        "position": event.position,
        "session_id": owner,
        "event": event.name,
        "origin": Origin.TEST,
        "created_at": event.time,
    }
    state = DeliveryState.DELIVERED if attempt.delivered else DeliveryState.DEAD
    with backend.connections.transaction() as connection:
        made = connection.execute(deliveries.insert(), delivery).inserted_primary_key
        assert made is not None
        attempts.write(connection, made[0], endpoint_id, attempt, before=0, state=state, finished_at=now_ms())
    return attempt


def wake(backend: Backend, endpoint_id: int) -> None:
    """Have the endpoint's line look into the table now. Without Redis it does so by itself, seconds later."""
    try:
        backend.connections.redis.publish(bus.DELIVERIES_CHANNEL, f"[{endpoint_id}]")
    except redis.RedisError as error:
        log.warning("line_not_woken", endpoint=endpoint_id, error=str(error))


def _of(connection: sa.Connection, owner: str, endpoint_id: int, *, alone: bool = False) -> Row:
    """The endpoint; `alone`, nobody else changes it before the commit. Raises NotFound."""
    ours = (endpoints.c.id == endpoint_id, endpoints.c.session_id == owner, endpoints.c.removed_at.is_(None))
    asked = sa.select(endpoints).where(*ours)
    row = connection.execute(asked.with_for_update() if alone else asked).first()
    if row is None:
        raise NotFound(UNKNOWN)
    return row


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as columns; JSON null would be a value of its own, unlike SQL's."""
    return {name: sa.null() if value is None else value for name, value in fields.items()}


def _change(connection: sa.Connection, endpoint_id: int, **columns: Any) -> None:
    connection.execute(endpoints.update().where(endpoints.c.id == endpoint_id).values(updated_at=now_ms(), **columns))


def _hurry(connection: sa.Connection, endpoint_id: int) -> None:
    """Let what waits after a failure be tried again at once: the head, and what was tried behind it, which is the front
    of the line. It may be very long."""
    waiting = (deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == DeliveryState.WAITING)
    behind = sa.select(deliveries.c.id).where(*waiting).order_by(deliveries.c.id).limit(1).offset(FRONT)
    edge = connection.scalar(behind)
    front = windows.within(deliveries.c.id, (None, edge))
    connection.execute(deliveries.update().where(*waiting, *front, deliveries.c.next_at > 0).values(next_at=0))


def _check(backend: Backend, url: str) -> None:
    try:
        backend.fetcher.check_url(url)
    except OutgoingRefused as error:
        raise InvalidInput(f"url: {error}") from None


def _sealed(backend: Backend, secret: str) -> str:
    if not backend.settings.webhook_secret_key:
        raise Unavailable(UNSEALABLE)
    return secrets.seal(backend.settings.webhook_secret_key, secret)
