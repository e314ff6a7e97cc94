"""What the runner reads of the outbox, and the steps its rows take, conditional and under its epoch."""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from flashapi import outbox_states, queue_settings
from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, NotFound, NoWorker, OutcomeUnknown, from_wire
from flashapi.models.base import now_ms
from flashapi.models.outbox import DIRECT_RANK, FINAL_STATES, STRANGERS, UNKNOWN_STATES, SendState, outbox, queues
from flashapi.queue_settings import LONGEST_GAP_MS, Policy, QueueSettings

ABANDONED_MS = 10 * 60_000
"""A send takes a minute and a half at most; one that has been `sending` for so long is in nobody's hands."""
RESENT_AT_MOST = 5
"""A send that was begun so often and never confirmed is held even where the policy is to resend."""
PROMOTED_AT_ONCE = 500


@dataclass(frozen=True)
class Row:
    """A row to send, as far as the runner needs it."""

    id: int
    session_id: str
    action: str
    recipient: str
    payload: str
    direct: bool
    rank: int
    expires_at: int | None
    due_at: int
    delay_ms: int
    attempts: int
    created_at: int
    request_id: str | None


@dataclass(frozen=True)
class Queue:
    """What holds for the whole queue at this moment."""

    queued: int = 0
    scheduled: int = 0
    paused: bool = False
    settings: QueueSettings = QueueSettings()
    restricted_until: int = 0


_COLUMNS = [outbox.c[name] for name in Row.__dataclass_fields__]


def queue_of(connection: sa.Connection, session_id: str) -> Queue:
    """The session's queue."""
    found = connection.execute(
        sa.select(
            queues.c.queued, queues.c.scheduled, queues.c.paused, queues.c.settings, queues.c.restricted_until
        ).where(queues.c.session_id == session_id)
    ).one_or_none()
    if found is None:
        return Queue()
    settings = queue_settings.read(found.settings)
    return Queue(found.queued, found.scheduled, bool(found.paused), settings, found.restricted_until or 0)


def next_row(
    connection: sa.Connection, session_id: str, *, only_direct: bool = False, strangers: bool = True
) -> Row | None:
    """Direct ones first, then highest priority, then lowest number; those set aside as first messages where asked."""
    query = (
        sa.select(*_COLUMNS)
        .where(outbox.c.session_id == session_id, outbox.c.state == SendState.QUEUED)
        .order_by(outbox.c.rank, outbox.c.id)
        .limit(1)
    )
    lines = [outbox.c.rank == DIRECT_RANK if only_direct else outbox.c.rank < STRANGERS]
    if strangers and not only_direct:
        lines.append(outbox.c.rank >= STRANGERS)
    found = [connection.execute(query.where(line)).one_or_none() for line in lines]
    heads = [Row(*head) for head in found if head is not None]
    return min(heads, key=lambda row: (row.rank % STRANGERS, row.id), default=None)


def next_due(connection: sa.Connection, session_id: str) -> int | None:
    """When the first scheduled row is due."""
    found: int | None = connection.execute(
        sa.select(sa.func.min(outbox.c.due_at)).where(
            outbox.c.session_id == session_id, outbox.c.state == SendState.SCHEDULED
        )
    ).scalar()
    return found


def last_start(connection: sa.Connection, session_id: str) -> int | None:
    """When the session's latest queued send began, if it was within the longest gap there is.

    What began in the future was written down by a clock that has been set back since.
    """
    now = now_ms()
    found: int | None = connection.execute(
        sa.select(outbox.c.sending_at)
        .where(
            outbox.c.session_id == session_id,
            outbox.c.sending_at > now - LONGEST_GAP_MS,
            outbox.c.sending_at <= now,
            outbox.c.direct.is_(False),
        )
        .order_by(outbox.c.sending_at.desc())
        .limit(1)
    ).scalar()
    return found


def sessions_with_work(connection: sa.Connection, session_ids: list[str], due_before: int) -> set[str]:
    """Which of these sessions have rows to look at: queued ones, direct ones, or scheduled ones due by then."""
    if not session_ids:
        return set()
    waiting = connection.execute(
        sa.select(queues.c.session_id, queues.c.queued, queues.c.scheduled, queues.c.paused).where(
            queues.c.session_id.in_(session_ids), sa.or_(queues.c.queued > 0, queues.c.scheduled > 0)
        )
    ).all()
    found = {row.session_id for row in waiting if row.queued and not row.paused}
    direct = connection.execute(
        sa.select(outbox.c.session_id).where(
            outbox.c.session_id.in_(session_ids), outbox.c.state == SendState.QUEUED, outbox.c.rank == DIRECT_RANK
        )
    )
    found.update(row.session_id for row in direct)
    for row in waiting:
        if row.scheduled and row.session_id not in found:
            due = next_due(connection, row.session_id)
            if due is not None and due <= due_before:
                found.add(row.session_id)
    return found


def promote(connections: Connections, session_id: str, due_before: int) -> None:
    """scheduled → queued, for those due by then."""
    while True:
        with outbox_states.changing(connections) as (connection, changes):
            moved = outbox_states.move(
                connection,
                changes,
                session_id,
                [outbox.c.due_at <= due_before],
                [SendState.SCHEDULED],
                SendState.QUEUED,
                at_most=PROMOTED_AT_ONCE,
                first=outbox.c.due_at,
            )
        if moved < PROMOTED_AT_ONCE:
            return


def postpone(connections: Connections, row: Row, until: int, epoch: int) -> bool:
    """Back to scheduled: it must not go before then, and the others need not wait for it."""
    return _move(
        connections, row, [outbox.c.id == row.id, _ours(epoch)], [SendState.QUEUED, SendState.SENDING],
        SendState.SCHEDULED, due_at=until, sending_at=None,
    )  # fmt: skip


def claim(connections: Connections, row: Row, epoch: int, chat: str, *, stranger: bool = False) -> bool:
    """queued → sending; False if it was cancelled meanwhile, or its queue paused."""
    which = [outbox.c.id == row.id]
    if not row.direct:
        which.append(~sa.exists().where(queues.c.session_id == outbox.c.session_id, queues.c.paused.is_(True)))
    return _move(
        connections, row, which, [SendState.QUEUED], SendState.SENDING,
        epoch=epoch, chat=chat, sending_at=now_ms(), attempts=outbox.c.attempts + 1,
        rank=row.rank % STRANGERS + (STRANGERS if stranger else 0),
    )  # fmt: skip


def unclaim(connections: Connections, row: Row, epoch: int) -> bool:
    """sending → queued: it certainly did not leave."""
    return _move(
        connections, row, [outbox.c.id == row.id, _ours(epoch)], [SendState.SENDING], SendState.QUEUED,
        sending_at=None, attempts=outbox.c.attempts - 1,
    )  # fmt: skip


def mark_failed(
    connections: Connections, row: Row, epoch: int, error: FlashAPIError, *, counts: bool = True
) -> bool:
    """It did not leave, and won't; uncertain if an earlier attempt may have. Also for a row that was never claimed.

    One that WhatsApp has not even been asked for doesn't count as a send, for the guard.
    """
    began = {} if counts else {"sending_at": None}
    states = [SendState.QUEUED, SendState.SENDING]
    with outbox_states.changing(connections) as (connection, changes):
        ended = outbox_states.give_up(
            connection, changes, row.session_id, [outbox.c.id == row.id, _ours(epoch)], states, SendState.FAILED,
            error=outbox_states.wire(error), **began,
        )  # fmt: skip
    return ended.total() > 0


def mark_uncertain(
    connections: Connections, row: Row, epoch: int, error: FlashAPIError, policy: Policy = Policy.HOLD
) -> bool:
    """Nobody can say whether it left: it is held, or queued again where that is the policy."""
    again = policy is Policy.RESEND and not row.direct and row.attempts + 1 < RESENT_AT_MOST
    to, values = (SendState.QUEUED, {}) if again else (SendState.UNCERTAIN, {"error": outbox_states.wire(error)})
    which = [outbox.c.id == row.id, _ours(epoch)]
    with outbox_states.changing(connections) as (connection, changes):
        return outbox_states.leave_in_doubt(connection, changes, row.session_id, which, to, **values) > 0


def recover(connections: Connections, session_ids: list[str], epoch: int) -> int:
    """What was left in `sending`, by a former owner or long ago, becomes uncertain, or is queued again.

    Returns how many rows that are. A former owner may claim one more after the new one has looked for the first time.
    """
    if not session_ids:
        return 0
    left = [sa.or_(outbox.c.epoch < epoch, outbox.c.sending_at < now_ms() - ABANDONED_MS)]
    with connections.reading() as connection:
        found = connection.execute(
            sa.select(outbox.c.session_id, queues.c.settings)
            .select_from(outbox.outerjoin(queues, queues.c.session_id == outbox.c.session_id))
            .where(outbox.c.session_id.in_(session_ids), outbox.c.state == SendState.SENDING, *left)
        ).all()
    moved = 0
    for session_id, stored in {row.session_id: row.settings for row in found}.items():
        with outbox_states.changing(connections) as (connection, changes):
            if queue_settings.read(stored).policy is Policy.RESEND:
                again = [*left, outbox.c.direct.is_(False), outbox.c.attempts < RESENT_AT_MOST]
                moved += outbox_states.leave_in_doubt(connection, changes, session_id, again, SendState.QUEUED)
            moved += outbox_states.leave_in_doubt(
                connection, changes, session_id, left, SendState.UNCERTAIN, error=outbox_states.wire(OutcomeUnknown())
            )
    return moved


def outcomes(connections: Connections, session_id: str, ids: list[int]) -> dict[int, dict[str, Any] | FlashAPIError]:
    """For each of these rows that is finished: the answer for its caller, or the error."""
    with connections.reading() as connection:
        found = connection.execute(
            sa.select(outbox).where(outbox.c.session_id == session_id, outbox.c.id.in_(ids))
        ).all()
    answers: dict[int, dict[str, Any] | FlashAPIError] = {
        row.id: _outcome(row) for row in found if row.state in FINAL_STATES
    }
    missing = set(ids) - {row.id for row in found}
    return answers | {row: NotFound() for row in missing}


def _outcome(row: Any) -> dict[str, Any] | FlashAPIError:
    if row.state == SendState.SENT:
        return {
            "row": row.id,
            "chat": row.chat,
            "message_id": row.message_id,
            "timestamp": row.message_timestamp,
        }
    if row.state == SendState.CANCELLED:
        return NoWorker(retry_after=5)
    error = from_wire(json.loads(row.error)) if row.error else OutcomeUnknown()
    if row.state in UNKNOWN_STATES:
        error.details["reference"] = str(row.id)
    return error


def _ours(epoch: int) -> sa.ColumnElement[bool]:
    """Not being sent under somebody else's lease."""
    return sa.or_(outbox.c.state != SendState.SENDING, outbox.c.epoch == epoch)


def _move(
    connections: Connections,
    row: Row,
    which: list[sa.ColumnElement[bool]],
    states: list[SendState],
    to: SendState,
    **values: Any,
) -> bool:
    with outbox_states.changing(connections) as (connection, changes):
        return outbox_states.move(connection, changes, row.session_id, which, states, to, **values) > 0
