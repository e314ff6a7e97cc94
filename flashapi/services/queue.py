"""The session's queue as its owner sees and steers it: how long it is, its rows, its settings."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi import bus, outbox_states, queue_settings
from flashapi.errors import Conflict, NeverPaired, NotFound
from flashapi.indexes import along
from flashapi.media.spool import file_named_in
from flashapi.models.outbox import UNKNOWN_STATES, WAITING_STATES, SendState, outbox, priority_of, queues, rank_of
from flashapi.services import outbox as sending
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.services.states import restriction_of
from flashapi.timestamps import iso

CANCELLED_AT_ONCE = 500
NO_SUCH_ROW = "Envio não encontrado"
NOT_WAITING = "O envio já começou ou já terminou e não pode ser cancelado"
NOT_OVER = "Só um envio que falhou, foi cancelado, ficou incerto ou foi dispensado pode ser repetido"
WITHDRAWN = {
    SendState.CANCELLED: "Envio cancelado com sucesso",
    SendState.UNCERTAIN: "Envio retirado da fila; uma tentativa anterior pode ter chegado ao WhatsApp",
    SendState.DISMISSED: "Envio incerto dispensado; ele pode ter chegado ao WhatsApp",
}
WITHDRAWN_SINCE = "Envio retirado da fila; desde então seu estado mudou"
AGAIN = (SendState.FAILED, SendState.CANCELLED, *UNKNOWN_STATES)

_SHOWN = [column for column in outbox.c if column.name != "payload"]


def status(backend: Backend, session_id: str) -> dict[str, Any]:
    """How many queued sends are still to go, whether one is being sent, and how many nobody can say the outcome of."""
    with backend.connections.reading() as connection:
        queue = connection.execute(sa.select(queues).where(queues.c.session_id == session_id)).one_or_none()
    if queue is None:
        numbers = {"queueLength": 0, "processing": False, "estimatedDelay": 0, "uncertain": 0, "scheduled": 0}
        return {**numbers, "paused": False, "restriction": None}
    gap = queue_settings.read(queue.settings).mean_gap_ms
    return {
        "queueLength": queue.queued + queue.scheduled,
        "processing": queue.sending > 0,
        "estimatedDelay": queue.delay_ms + (queue.queued + queue.sending) * gap,
        "uncertain": queue.uncertain,
        "scheduled": queue.scheduled,
        "paused": bool(queue.paused),
        "restriction": restriction_of(queue),
    }


def page(
    backend: Backend, session_id: str, *, limit: int, before: int | None, state: SendState | None
) -> dict[str, Any]:
    """The sends, the newest first."""
    query = sa.select(*_SHOWN).where(outbox.c.session_id == session_id).order_by(outbox.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(outbox.c.id < before)
    if state is not None:
        query = along(query.where(outbox.c.state == state), outbox.c.session_id, outbox.c.state, outbox.c.id)
    else:
        query = along(query, outbox.c.session_id, outbox.c.id)
    with backend.connections.reading() as connection:
        rows = connection.execute(query).all()
    shown = rows[:limit]
    more = str(shown[-1].id) if len(rows) > limit else None
    return {"sends": [describe(row) for row in shown], "next": more}


def one(backend: Backend, session_id: str, row_id: int) -> dict[str, Any]:
    """One send, by its number. Raises NotFound."""
    with backend.connections.reading() as connection:
        row = connection.execute(
            sa.select(*_SHOWN).where(outbox.c.session_id == session_id, outbox.c.id == row_id)
        ).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_ROW)
    return describe(row)


def cancel(backend: Backend, session_id: str, row_id: int) -> dict[str, Any]:
    """Take a send back that has not begun, or be done with an uncertain one. Raises NotFound, Conflict.

    One that waits to go out again, since nobody knows whether it has left, becomes uncertain.
    """
    which = [outbox.c.id == row_id]
    with outbox_states.changing(backend.connections, durable=True) as (connection, changes):
        done = outbox_states.give_up(
            connection, changes, session_id, which, WAITING_STATES, SendState.CANCELLED
        ).total() or outbox_states.move(
            connection, changes, session_id, which, [SendState.UNCERTAIN], SendState.DISMISSED
        )
    cancelled = one(backend, session_id, row_id)
    if not done:
        raise Conflict(NOT_WAITING, state=cancelled["state"])
    return cancelled


def retry(backend: Backend, session: Row, row_id: int) -> dict[str, Any]:
    """Put a send that is over, but not sent, at the end of the queue.

    Raises NotFound, Conflict, NeverPaired, and Gone where its file is kept no more.
    """
    if not session.paired:
        raise NeverPaired()
    _check_file(backend, session.id, row_id)
    with outbox_states.changing(backend.connections, durable=True) as (connection, changes):
        moved = outbox_states.move(
            connection, changes, session.id, [outbox.c.id == row_id], AGAIN, SendState.QUEUED,
            direct=False, rank=rank_of(0), due_at=0, error=None, attempts=0, sending_at=None, expires_at=None,
        )  # fmt: skip
    queued = one(backend, session.id, row_id)
    if not moved:
        raise Conflict(NOT_OVER, state=queued["state"])
    sending.wake(backend, session)
    return queued


def _check_file(backend: Backend, session_id: str, row_id: int) -> None:
    """Raise Gone if the send would fail for want of its file."""
    over = (outbox.c.session_id == session_id, outbox.c.id == row_id, outbox.c.state.in_(AGAIN))
    with backend.connections.reading() as connection:
        payload = connection.scalar(sa.select(outbox.c.payload).where(*over))
    if payload is not None and (name := file_named_in(payload)) is not None:
        backend.spool.path(name)


def clear(backend: Backend, session_id: str) -> dict[str, int]:
    """Take every queued send back that has not begun; returns how many were cancelled, and how many are uncertain now.

    Those that wait to go out again are, since nobody knows whether they have left.
    """
    with backend.connections.reading() as connection:
        newest = connection.scalar(sa.select(sa.func.max(outbox.c.id)).where(outbox.c.session_id == session_id))
    # What is accepted while this works is not meant.
    which = [outbox.c.direct.is_(False), outbox.c.id <= (newest or 0)]
    cleared: Counter[SendState] = Counter()
    while True:
        batch = _clear_some(backend, session_id, which)
        cleared += batch
        if batch.total() < CANCELLED_AT_ONCE:
            return {"cancelled": cleared[SendState.CANCELLED], "uncertain": cleared[SendState.UNCERTAIN]}


def _clear_some(backend: Backend, session_id: str, which: Sequence[sa.ColumnElement[bool]]) -> Counter[SendState]:
    """Both states in one transaction, under the session's turn: no row slips from one into the other between them."""
    cleared: Counter[SendState] = Counter()
    with outbox_states.changing(backend.connections, durable=True) as (connection, changes):
        for state in WAITING_STATES:
            if left := CANCELLED_AT_ONCE - cleared.total():
                cleared += outbox_states.give_up(
                    connection, changes, session_id, which, [state], SendState.CANCELLED, at_most=left
                )
    return cleared


def pause(backend: Backend, session: Row, paused: bool) -> dict[str, Any]:
    """Let no queued send begin, or let them go on."""
    _write(backend, session, paused=paused)
    return status(backend, session.id)


def settings(backend: Backend, session_id: str) -> dict[str, Any]:
    """The queue's settings, all of them."""
    with backend.connections.reading() as connection:
        stored = connection.scalar(sa.select(queues.c.settings).where(queues.c.session_id == session_id))
    return queue_settings.to_json(queue_settings.read(stored))


def configure(backend: Backend, session: Row, changes: dict[str, Any]) -> dict[str, Any]:
    """Change the settings given, keep the others."""
    merged = settings(backend, session.id) | changes
    checked = queue_settings.to_json(queue_settings.from_json(merged))
    _write(backend, session, settings=json.dumps(checked))
    return checked


def describe(row: Any) -> dict[str, Any]:
    """A send as the API shows it."""
    error = json.loads(row.error) if row.error else None
    return {
        "id": str(row.id),
        "state": row.state,
        "queued": not row.direct,
        "type": row.action.removeprefix("send_"),
        "to": row.recipient,
        "chat": row.chat,
        "messageId": row.message_id,
        "error": error and {"code": error["error"], "message": error["message"]},
        "priority": None if row.direct else priority_of(row.rank),
        "delay": row.delay_ms,
        "attempts": row.attempts,
        "sendAt": _moment(row.due_at),
        "createdAt": _moment(row.created_at),
        "sendingAt": _moment(row.sending_at),
        "finishedAt": _moment(row.finished_at),
    }


def _moment(ms: int | None) -> str | None:
    return iso(ms) if ms else None


def _write(backend: Backend, session: Row, **columns: Any) -> None:
    with backend.connections.transaction(durable=True) as connection:
        bus.take_turn(connection, session.id)
        outbox_states.ensure_queue(connection, session.id)
        connection.execute(queues.update().where(queues.c.session_id == session.id).values(columns))
    sending.wake(backend, session)
