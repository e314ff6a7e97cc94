"""Writing sends down: whether a caller is told that they are accepted, that they aren't, or that nobody can say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from flashapi import bus, outbox_states, queue_settings
from flashapi.errors import CommitUnknown, DatabaseUnavailable, OutcomeUnknown
from flashapi.models.base import now_ms
from flashapi.models.outbox import outbox, queues
from flashapi.outbox_states import Changes, NewSend
from flashapi.services import idempotency
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row

UNSURE = "O banco de dados não respondeu; não se sabe se a mensagem foi aceita"

Answer = dict[str, Any]


def queued(backend: Backend, session: Row, sends: Sequence[NewSend]) -> list[Answer]:
    """Accept all of them or none; what each is told.

    Raises QueueFull, DatabaseUnavailable if none was accepted, OutcomeUnknown if that can't be said, and IntegrityError
    if the same request is accepted at the same moment.
    """
    limit = backend.settings.queue_limit
    with _accepting(backend, session, durable=True) as (connection, changes, ids):
        known = idempotency.look_up(connection, session.id)
        if known is not None:
            return list((known.answer or {})["sends"])
        ids += outbox_states.accept(connection, changes, session.id, sends, limit)
        queue = connection.execute(sa.select(queues).where(queues.c.session_id == session.id)).one()
        answers = _positions(queue, ids, sends)
        idempotency.remember(connection, session.id, answer={"sends": answers})
    return answers


def direct(backend: Backend, session: Row, new: NewSend) -> tuple[int, bool]:
    """The number of the row, and whether it is a new one. Raises DatabaseUnavailable and OutcomeUnknown as `queued`."""
    try:
        with _accepting(backend, session) as (connection, changes, ids):
            known = idempotency.look_up(connection, session.id)
            if known is None:
                ids += outbox_states.accept(connection, changes, session.id, [new])
                idempotency.remember(connection, session.id, row_id=ids[0])
    except sa.exc.IntegrityError:  # the same key, at the same moment
        known = idempotency.known(backend.connections, session.id)
        if known is None:
            raise
    if known is None:
        return ids[0], True
    assert known.row_id is not None
    return known.row_id, False


@contextmanager
def _accepting(
    backend: Backend, session: Row, *, durable: bool = False
) -> Iterator[tuple[sa.Connection, Changes, list[int]]]:
    """A transaction for new rows, whose numbers go into the list; where its COMMIT got no answer, they are sought."""
    ids: list[int] = []
    changes = Changes()
    try:
        with outbox_states.changing(backend.connections, durable=durable) as (connection, changes):
            yield connection, changes, ids
    except CommitUnknown as error:
        if ids and not _is_written(backend, session, ids[0]):
            raise DatabaseUnavailable() from error
        bus.announce(backend.connections.redis, changes.recorded)


def _is_written(backend: Backend, session: Row, row_id: int) -> bool:
    """Whether the transaction that wrote this row has been committed. Raises OutcomeUnknown if that can't be read.

    It holds the session's turn until the server has ended it one way or the other, so whoever has the turn reads the
    truth, even of a COMMIT that was still on its way when the connection broke off. InnoDB gives no number twice unless
    the server has crashed; the request's id tells then.
    """
    try:
        with backend.connections.transaction() as connection:
            bus.take_turn(connection, session.id)
            mine = (outbox.c.id == row_id, outbox.c.session_id == session.id, outbox.c.request_id == request_id())
            return connection.execute(sa.select(outbox.c.id).where(*mine)).first() is not None
    except DatabaseUnavailable as error:
        raise OutcomeUnknown(UNSURE, reference=str(row_id)) from error


def _positions(queue: Any, ids: Sequence[int], sends: Sequence[NewSend]) -> list[Answer]:
    """What each is told of its place. Rows with a higher priority, or scheduled for later, change it."""
    gap = queue_settings.read(queue.settings).mean_gap_ms
    now = now_ms()
    waiting = [send for send in sends if send.due_at <= now]
    ahead = queue.queued - len(waiting)
    ahead_ms = queue.delay_ms - sum(send.delay_ms for send in waiting) + ahead * gap
    answers = []
    for row_id, send in zip(ids, sends, strict=True):
        is_scheduled = send.due_at > now
        delay = send.due_at - now if is_scheduled else ahead_ms
        answers.append({"queued": True, "id": str(row_id), "queuePosition": ahead, "estimatedDelay": max(0, delay)})
        if not is_scheduled:
            ahead, ahead_ms = ahead + 1, ahead_ms + send.delay_ms + gap
    return answers
