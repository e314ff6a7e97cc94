"""Sends as rows (D4): accepting them, waiting for the direct ones, counting the queued ones."""

import json
import time
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from flashapi.dispatch import TAKEN_WITHIN_SECONDS, Action
from flashapi.errors import (
    FlashAPIError,
    NeverPaired,
    NoWorker,
    OutcomeUnknown,
    RedisUnavailable,
    SessionNotConnected,
    Unavailable,
    from_wire,
)
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.models.sessions import State
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row
from flashapi.services.states import look_at

SENDING_SECONDS = 25.0
"""What WhatsApp is given for a send, its typing time not counted."""
LOOK_EVERY_SECONDS = 0.2
PREPARING_SECONDS, SLOWEST_BYTES_PER_SECOND = 15.0, 1_000_000
BUSY = "A sessão está ocupada com outro envio; tente novamente em instantes"

Payload = dict[str, Any]


def require_ready(backend: Backend, session: Row, queued: bool) -> None:
    """Raise SessionNotConnected for a direct send without a connection, NeverPaired for one that could only wait."""
    if queued and not session.paired:
        raise NeverPaired()
    if not queued and look_at(backend, session).state is not State.CONNECTED:
        raise SessionNotConnected()


def send(backend: Backend, session: Row, action: str, payload: Payload, delay_ms: int) -> dict[str, Any]:
    """Send now and answer what became of it. Raises what the worker raised, NoWorker, or OutcomeUnknown."""
    expires_at = now_ms() + int(TAKEN_WITHIN_SECONDS * 1000)
    row_id = _insert(backend, session, action, payload, delay_ms, direct=True, expires_at=expires_at)
    taken_within = TAKEN_WITHIN_SECONDS + _preparing_seconds(payload)
    wait = taken_within + delay_ms / 1000 + SENDING_SECONDS
    ends = time.monotonic() + wait
    try:
        job = backend.dispatcher.enqueue(
            session.mode,
            session.shard,
            session.id,
            Action.SEND,
            request_id=request_id(),
            within_ms=int(wait * 1000),
            row=row_id,
        )
        return _as_message(backend.dispatcher.answer(job, taken_within))
    except Unavailable:  # nobody took the job, but the runner finds rows by itself
        if _cancel(backend, row_id):
            raise
    except OutcomeUnknown:  # taken: it is being sent, or waits behind other sends and would be too late
        if _cancel(backend, row_id):
            raise Unavailable(BUSY) from None
        with suppress(OutcomeUnknown):
            return _as_message(backend.dispatcher.answer(job, ends - time.monotonic()))
    return _follow(backend, row_id, ends)


def enqueue(backend: Backend, session: Row, action: str, payload: Payload, delay_ms: int) -> dict[str, Any]:
    """Accept a send for later: it survives restarts and goes out in order."""
    row_id = _insert(backend, session, action, payload, delay_ms, direct=False, expires_at=None)
    with backend.connections.reading() as connection:
        ahead = _line(connection, session.id, outbox.c.id < row_id)
    try:
        backend.dispatcher.enqueue(session.mode, session.shard, session.id, Action.SEND, request_id=request_id())
    except RedisUnavailable:  # the runner looks by itself each second
        pass
    return {
        "queued": True,
        "id": str(row_id),
        "queuePosition": ahead["queueLength"],
        "estimatedDelay": ahead["estimatedDelay"],
    }


def status(backend: Backend, session_id: str) -> dict[str, Any]:
    """How many queued sends wait, whether one is being sent, and how many nobody can say the outcome of."""
    with backend.connections.reading() as connection:
        return _line(connection, session_id)


def clear(backend: Backend, session_id: str) -> int:
    """Cancel every queued send that has not begun; returns how many."""
    with backend.connections.transaction(durable=True) as connection:
        return _to_cancelled(connection, outbox.c.session_id == session_id, outbox.c.direct.is_(False))


def _preparing_seconds(payload: Payload) -> float:
    """How long converting and uploading a file may take; its row is still queued meanwhile."""
    media = payload.get("media")
    return PREPARING_SECONDS + media["size"] / SLOWEST_BYTES_PER_SECOND if media else 0.0


def _insert(
    backend: Backend,
    session: Row,
    action: str,
    payload: Payload,
    delay_ms: int,
    *,
    direct: bool,
    expires_at: int | None,
) -> int:
    row = {
        "session_id": session.id,
        "action": action,
        "payload": json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
        "direct": direct,
        "expires_at": expires_at,
        "delay_ms": delay_ms,
        "request_id": request_id(),
        "state": SendState.QUEUED,
        "created_at": now_ms(),
    }
    with backend.connections.transaction(durable=not direct) as connection:
        inserted = connection.execute(outbox.insert(), row).inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


def _follow(backend: Backend, row_id: int, ends: float) -> dict[str, Any]:
    """Read the row until it is final. Its changes aren't published, and this is the rare case of a lost answer."""
    while True:
        with backend.connections.reading() as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.id == row_id)).one()
        match SendState(row.state):
            case SendState.SENT:
                return _as_message({"chat": row.chat, "message_id": row.message_id, "timestamp": row.message_timestamp})
            case SendState.FAILED:
                raise from_wire(json.loads(row.error)) if row.error else FlashAPIError()
            case SendState.CANCELLED:
                raise NoWorker(retry_after=5)
            case SendState.UNCERTAIN:
                raise OutcomeUnknown(reference=str(row_id))
        if time.monotonic() >= ends:
            if _cancel(backend, row_id):
                raise NoWorker(retry_after=5)
            raise OutcomeUnknown(reference=str(row_id))
        time.sleep(LOOK_EVERY_SECONDS)


def _cancel(backend: Backend, row_id: int) -> bool:
    """Take the row back; False if its sending has begun."""
    with backend.connections.transaction() as connection:
        return _to_cancelled(connection, outbox.c.id == row_id) > 0


def _to_cancelled(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    changed = connection.execute(
        outbox.update()
        .where(outbox.c.state == SendState.QUEUED, *which)
        .values(state=SendState.CANCELLED, finished_at=now_ms())
    )
    return changed.rowcount


def _line(connection: sa.Connection, session_id: str, *which: sa.ColumnElement[bool]) -> dict[str, Any]:
    """The queued sends of a session, or the part of them that `which` selects."""
    waited = sa.func.coalesce(sa.func.sum(outbox.c.delay_ms + outbox.c.gap_ms), 0)
    found = connection.execute(
        sa.select(outbox.c.state, sa.func.count().label("rows"), waited.label("waited"))
        .where(outbox.c.session_id == session_id, outbox.c.direct.is_(False), outbox.c.state.in_(_OPEN), *which)
        .group_by(outbox.c.state)
    )
    by_state = {row.state: row for row in found}
    waiting, sending, uncertain = (by_state.get(state) for state in _OPEN)
    return {
        "queueLength": waiting.rows if waiting else 0,
        "processing": sending is not None,
        "estimatedDelay": sum(int(part.waited) for part in (waiting, sending) if part),
        "uncertain": uncertain.rows if uncertain else 0,
    }


_OPEN = (SendState.QUEUED, SendState.SENDING, SendState.UNCERTAIN)


def _as_message(sent: dict[str, Any]) -> dict[str, Any]:
    return {
        "success": True,
        "id": sent["message_id"],
        "key": {"remoteJid": sent["chat"], "fromMe": True, "id": sent["message_id"]},
        "messageTimestamp": sent["timestamp"],
        "timestamp": sent["timestamp"],
        "status": "sent",
    }
