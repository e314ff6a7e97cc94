"""Idempotency-Key: a request that was made already gets the answer of the first time, and sends nothing.

Kept in the database, per session and route, in the transaction that writes the sends down.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.errors import InvalidInput, SessionNotConnected, TooManyRequests, Unavailable, from_wire
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, idempotency_keys, outbox

REUSED = "Idempotency-Key: esta chave já foi usada com outro corpo"
PASSING = (Unavailable, TooManyRequests, SessionNotConnected)
"""Refusals of a moment: nothing was sent, and the same request may succeed later."""
KEPT_FOR_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Request:
    """What makes a request the same as another one."""

    route: str
    key: str
    body_hash: str


@dataclass(frozen=True)
class Known:
    """What became of the request the first time."""

    row_id: int | None
    """The direct send whose outcome is the answer."""
    answer: dict[str, Any] | None
    """The answer given to a queued one."""


_current: ContextVar[Request | None] = ContextVar("idempotent_request", default=None)


@contextmanager
def serving(request: Request | None) -> Iterator[None]:
    """While the request with this key is served."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


def known(connections: Connections, session_id: str) -> Known | None:
    """What `look_up` finds; the database isn't asked for a request without a key."""
    if _current.get() is None:
        return None
    with connections.reading() as connection:
        return look_up(connection, session_id)


def look_up(connection: sa.Connection, session_id: str) -> Known | None:
    """What is known of the request being served; None if it is new or carries no key.

    Raises InvalidInput if the key was used with another body. A direct send that was given up unsent, so that its
    caller may try again later (no connection, no worker, a limit), is as good as new.
    """
    request = _current.get()
    if request is None:
        return None
    found = connection.execute(
        sa.select(
            idempotency_keys.c.request_hash,
            idempotency_keys.c.row_id,
            idempotency_keys.c.answer,
            idempotency_keys.c.created_at,
            outbox.c.state,
            outbox.c.error,
        )
        .select_from(idempotency_keys.outerjoin(outbox, outbox.c.id == idempotency_keys.c.row_id))
        .where(*_key(session_id, request))
    ).one_or_none()
    if found is None or found.created_at < now_ms() - KEPT_FOR_MS or _was_given_up(found):
        return None
    if found.request_hash != request.body_hash:
        raise InvalidInput(REUSED)
    return Known(found.row_id, json.loads(found.answer) if found.answer else None)


def remember(
    connection: sa.Connection, session_id: str, *, row_id: int | None = None, answer: dict[str, Any] | None = None
) -> None:
    """Keep the request being served, if it carries a key. Raises IntegrityError if somebody else has just done so."""
    request = _current.get()
    if request is None:
        return
    connection.execute(
        idempotency_keys.delete().where(
            *_key(session_id, request),
            sa.or_(idempotency_keys.c.created_at < now_ms() - KEPT_FOR_MS, idempotency_keys.c.row_id.in_(_given_up())),
        )
    )
    connection.execute(
        idempotency_keys.insert(),
        {
            "session_id": session_id,
            "route": request.route,
            "key": request.key,
            "request_hash": request.body_hash,
            "row_id": row_id,
            "answer": json.dumps(answer, ensure_ascii=False) if answer is not None else None,
            "created_at": now_ms(),
        },
    )


def _key(session_id: str, request: Request) -> list[sa.ColumnElement[bool]]:
    keys = idempotency_keys.c
    return [keys.session_id == session_id, keys.route == request.route, keys.key == request.key]


def _was_given_up(found: Any) -> bool:
    if found.state == SendState.FAILED and found.error:
        return isinstance(from_wire(json.loads(found.error)), PASSING)
    return bool(found.state == SendState.CANCELLED)


def _given_up() -> sa.Select[Any]:
    """Rows that `look_up` takes for given up; those that failed for good never come this far."""
    return sa.select(outbox.c.id).where(
        outbox.c.id == idempotency_keys.c.row_id, outbox.c.state.in_([SendState.CANCELLED, SendState.FAILED])
    )
