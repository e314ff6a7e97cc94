"""Sends as rows: accepting them, and waiting for the outcome of the direct ones."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from flashapi import outbox_states
from flashapi.dispatch import TAKEN_WITHIN_SECONDS, Action
from flashapi.errors import (
    DatabaseUnavailable,
    FlashAPIError,
    Gone,
    NeverPaired,
    NoWorker,
    OutcomeUnknown,
    RedisUnavailable,
    SessionNotConnected,
    Unavailable,
    from_wire,
)
from flashapi.events import message_key
from flashapi.media import patience
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.models.sessions import State
from flashapi.outbox_states import NewSend
from flashapi.services import acceptance, idempotency
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row
from flashapi.services.states import look_at

GROUP = "@g.us"

SENDING_SECONDS = 25.0
"""What WhatsApp is given for a send, its typing time not counted."""
LOOK_EVERY_SECONDS = 0.2
CONVERTING_SECONDS = 10.0
REMOVED = "O resultado deste envio não está mais guardado; não foi enviado de novo"
BUSY = "A sessão está ocupada com outro envio; tente novamente em instantes"

Answer = dict[str, Any]


def require_ready(backend: Backend, session: Row, queued: bool) -> None:
    """Raise SessionNotConnected for a direct send without a connection, NeverPaired for one that could only wait."""
    if queued and not session.paired:
        raise NeverPaired()
    if not queued and look_at(backend, session).state is not State.CONNECTED:
        raise SessionNotConnected()


def repeated(backend: Backend, session: Row) -> list[Answer] | None:
    """The answers of the first time, if the request being served was made already; None if it wasn't.

    Of a direct send the outcome is awaited, and raised if it is a failure.
    """
    known = idempotency.known(backend.connections, session.id)
    return None if known is None else _answers_of(backend, session, known)


def _answers_of(backend: Backend, session: Row, known: idempotency.Known) -> list[Answer]:
    if known.row_id is None:
        return list((known.answer or {})["sends"])
    with _in_doubt(known.row_id), backend.connections.reading() as connection:
        row = connection.execute(
            sa.select(outbox.c.payload, outbox.c.delay_ms).where(outbox.c.id == known.row_id)
        ).one_or_none()
    seconds = _taken_within(json.loads(row.payload), row.delay_ms) + SENDING_SECONDS if row is not None else 0.0
    return [_follow(backend, session, known.row_id, time.monotonic() + seconds, may_cancel=False)]


def send(backend: Backend, session: Row, new: NewSend) -> Answer:
    """Send now and answer what became of it. Raises what the worker raised, NoWorker, or OutcomeUnknown."""
    taken_within = _taken_within(new.payload, new.delay_ms)
    wait = taken_within + SENDING_SECONDS
    ends = time.monotonic() + wait
    row_id, is_new = acceptance.direct(backend, session, new)
    if not is_new:
        return _follow(backend, session, row_id, ends, may_cancel=False)
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
        return _as_message(session, backend.dispatcher.answer(job, taken_within))
    except Unavailable:  # nobody took the job, but the runner finds rows by itself
        if _give_up(backend, session, row_id):
            raise
    except OutcomeUnknown:  # taken: it is being sent, or waits behind other sends and would be too late
        if _give_up(backend, session, row_id):
            raise Unavailable(BUSY) from None
        with suppress(OutcomeUnknown, NoWorker):
            return _as_message(session, backend.dispatcher.answer(job, ends - time.monotonic()))
    return _follow(backend, session, row_id, ends)


def _taken_within(payload: Mapping[str, Any], delay_ms: int) -> float:
    """The seconds until its sending must have begun: typing, converting and uploading a file come before."""
    media = payload.get("media")
    preparing = CONVERTING_SECONDS + patience.to_send(media["size"]) if media else 0.0
    return TAKEN_WITHIN_SECONDS + preparing + delay_ms / 1000


def enqueue(backend: Backend, session: Row, new: NewSend) -> Answer:
    """Accept a send for later: it survives restarts and goes out in order. Raises QueueFull."""
    return enqueue_all(backend, session, [new])[0]


def enqueue_all(backend: Backend, session: Row, sends: Sequence[NewSend]) -> list[Answer]:
    """Accept all of them or none, in one transaction. Raises QueueFull, OutcomeUnknown."""
    try:
        answers = acceptance.queued(backend, session, sends)
    except sa.exc.IntegrityError:  # the same key, at the same moment
        known = repeated(backend, session)
        if known is None:
            raise
        return known
    wake(backend, session)
    return answers


def wake(backend: Backend, session: Row) -> None:
    """Tell the session's runner to look. Without Redis it looks by itself each second."""
    with suppress(RedisUnavailable):
        backend.dispatcher.enqueue(session.mode, session.shard, session.id, Action.SEND, request_id=request_id())


def _follow(backend: Backend, session: Row, row_id: int, ends: float, *, may_cancel: bool = True) -> Answer:
    """Read the row until it is final. This is the rare case of a lost answer, or of a request made twice."""
    while True:
        with _in_doubt(row_id), backend.connections.reading() as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.id == row_id)).one_or_none()
        if row is None:
            raise Gone(REMOVED)
        match SendState(row.state):
            case SendState.SENT:
                sent = {"chat": row.chat, "message_id": row.message_id, "timestamp": row.message_timestamp}
                return _as_message(session, sent)
            case SendState.FAILED:
                raise from_wire(json.loads(row.error)) if row.error else FlashAPIError()
            case SendState.CANCELLED:
                raise NoWorker(retry_after=5)
            case SendState.UNCERTAIN | SendState.DISMISSED:
                raise OutcomeUnknown(reference=str(row_id))
        if time.monotonic() >= ends:
            if may_cancel and _give_up(backend, session, row_id):
                raise NoWorker(retry_after=5)
            raise OutcomeUnknown(reference=str(row_id))
        time.sleep(LOOK_EVERY_SECONDS)


def _give_up(backend: Backend, session: Row, row_id: int) -> bool:
    """Take the row back; False if its sending has begun."""
    with _in_doubt(row_id), outbox_states.changing(backend.connections) as (connection, changes):
        return bool(
            outbox_states.move(
                connection, changes, session.id, [outbox.c.id == row_id], [SendState.QUEUED], SendState.CANCELLED
            )
        )


@contextmanager
def _in_doubt(row_id: int) -> Iterator[None]:
    """The send is written down: while the database is away nobody can say what becomes of it."""
    try:
        yield
    except DatabaseUnavailable as error:
        raise OutcomeUnknown(reference=str(row_id)) from error


def _as_message(session: Row, sent: dict[str, Any]) -> Answer:
    chat = sent["chat"]
    author = f"{session.phone}@s.whatsapp.net" if chat.endswith(GROUP) else None
    return {
        "success": True,
        "id": sent["message_id"],
        "key": message_key(sent["message_id"], chat, from_me=True, participant=author),
        "messageTimestamp": sent["timestamp"],
        "timestamp": sent["timestamp"],
        "status": "sent",
    }


def direct(action: str, recipient: str, payload: dict[str, Any], delay_ms: int) -> NewSend:
    """A send somebody waits for; not begun soon, it is cancelled."""
    return NewSend(
        action=action,
        recipient=recipient,
        payload=payload,
        delay_ms=delay_ms,
        direct=True,
        expires_at=now_ms() + int(TAKEN_WITHIN_SECONDS * 1000),
        request_id=request_id(),
    )
