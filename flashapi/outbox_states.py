"""The states of sends: the only place that writes `outbox.state`, for the web tier and the workers alike.

Each change is a conditional UPDATE, keeps the numbers in `queues`, and records the events that tell of it, all in the
caller's transaction. Each begins with the session's turn (`bus.take_turn`), so that changes of one session come one
after the other: MySQL finds no deadlocks, and every change sees what the one before has left.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from flashapi import bus, outbox_doubts
from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, OutcomeUnknown, QueueFull
from flashapi.inserts import insert_if_new
from flashapi.models.base import now_ms
from flashapi.models.outbox import (
    COUNTED_STATES,
    DIRECT_RANK,
    FINAL_STATES,
    UNKNOWN_STATES,
    WAITING_STATES,
    SendState,
    outbox,
    queues,
    rank_of,
)
from flashapi.models.sessions import Wanted, sessions
from flashapi.queue_events import QueueUpdate

QUEUE_FULL_RETRY_SECONDS = 60

_TOLD = [
    outbox.c[name]
    for name in (
        "id", "state", "direct", "recipient", "chat", "message_id", "error", "due_at", "delay_ms",
        "attempts",
    )
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NewSend:
    """A send to be accepted."""

    action: str
    recipient: str
    payload: Mapping[str, Any]
    delay_ms: int = 0
    due_at: int = 0
    priority: int = 0
    direct: bool = False
    expires_at: int | None = None
    request_id: str | None = None


@dataclass
class Changes:
    """The events that tell of a transaction's changes, to be announced after the commit."""

    recorded: list[bus.Recorded] = field(default_factory=list)


@contextmanager
def changing(connections: Connections, *, durable: bool = False) -> Iterator[tuple[sa.Connection, Changes]]:
    """A transaction that changes states; what is added to its `Changes` is announced after the commit."""
    changes = Changes()
    with connections.transaction(durable=durable) as connection:
        yield connection, changes
    bus.announce(connections.redis, changes.recorded)


def accept(
    connection: sa.Connection, changes: Changes, session_id: str, sends: Sequence[NewSend], limit: int | None = None
) -> list[int]:
    """Write the sends down and return their numbers. Raises QueueFull, and then the caller must roll back."""
    bus.take_turn(connection, session_id)
    rows = [_as_row(session_id, send) for send in sends]
    for row in rows:
        row["id"] = int(connection.execute(outbox.insert(), row).inserted_primary_key[0])  # type: ignore[index]
    queued = [row for row in rows if not row["direct"]]
    _count(connection, session_id, _numbers(rows), _delays(rows))
    if queued and limit is not None:
        waiting = connection.execute(
            sa.select(queues.c.queued + queues.c.scheduled).where(queues.c.session_id == session_id)
        ).scalar_one()
        if waiting > limit:
            raise QueueFull(retry_after=QUEUE_FULL_RETRY_SECONDS)
    changes.recorded += _tell(connection, session_id, queued)
    return [row["id"] for row in rows]


def move(
    connection: sa.Connection,
    changes: Changes,
    session_id: str,
    which: Sequence[sa.ColumnElement[bool]],
    states: Collection[SendState],
    to: SendState,
    *,
    at_most: int | None = None,
    first: sa.ColumnElement[Any] = outbox.c.id,
    **values: Any,
) -> int:
    """Move the session's rows that `which` selects and that are in one of `states`; how many there were.

    With `at_most` it takes those with the lowest `first`. `values` are further columns; `finished_at` is set here.
    The end of a send in flight settles what its chat's receipts had to wait for.
    """
    bus.take_turn(connection, session_id)
    query = (
        sa.select(*_TOLD)
        .where(outbox.c.session_id == session_id, *which, outbox.c.state.in_(list(states)))
        .order_by(first)
    )
    rows = connection.execute(query.limit(at_most) if at_most else query).all()
    if not rows:
        return 0
    values |= {"state": to, "finished_at": now_ms() if to in FINAL_STATES else None}
    connection.execute(outbox.update().where(outbox.c.id.in_([row.id for row in rows])).values(values))
    plain = {name: value for name, value in values.items() if not isinstance(value, sa.ColumnElement)}
    before = [dict(row._mapping) for row in rows]
    after = [row | plain for row in before]
    change = Counter(_numbers(after))
    change.subtract(_numbers(before))
    _count(connection, session_id, change, _delays(after) - _delays(before))
    told = [row for row in after if not row["direct"] or to in FINAL_STATES]
    changes.recorded += _tell(connection, session_id, told)
    for chat in {row["chat"] for row in before if row["state"] == SendState.SENDING and row["chat"]}:
        settle(connection, changes, session_id, chat, values.get("message_id"))
    return len(rows)


def leave_in_doubt(
    connection: sa.Connection,
    changes: Changes,
    session_id: str,
    which: Sequence[sa.ColumnElement[bool]],
    to: SendState,
    **values: Any,
) -> int:
    """Move sends in flight on, of which nobody knows whether they left; how many there were."""
    bus.take_turn(connection, session_id)
    outbox_doubts.note_attempts(connection, session_id, which)
    return move(connection, changes, session_id, which, [SendState.SENDING], to, **values)


def give_up(
    connection: sa.Connection,
    changes: Changes,
    session_id: str,
    which: Sequence[sa.ColumnElement[bool]],
    states: Collection[SendState],
    to: SendState,
    *,
    at_most: int | None = None,
    **values: Any,
) -> Counter[SendState]:
    """Move sends that won't go out any more to FAILED or CANCELLED; how many there were, by what they are now.

    Of a send with an attempt in doubt neither can be said: it becomes uncertain.
    """
    bus.take_turn(connection, session_id)
    in_doubt = outbox_doubts.in_doubt(session_id)
    given_up: Counter[SendState] = Counter()
    for condition, state, further in (
        (in_doubt, SendState.UNCERTAIN, values | {"error": wire(OutcomeUnknown())}),
        (~in_doubt, to, values),
    ):
        left = at_most - given_up.total() if at_most else None
        if left != 0:
            given_up[state] += move(
                connection, changes, session_id, [*which, condition], states, state, at_most=left, **further
            )
    return given_up


def settle(connection: sa.Connection, changes: Changes, session_id: str, chat: str, sent_as: str | None = None) -> None:
    """Tell of the chat's sends in doubt that have left, by its receipts.

    While another send to the chat is in flight a receipt may be its own: that waits until its id (`sent_as`) is known.
    """
    receipts = outbox_doubts.receipts_in(connection, session_id, chat)
    if not receipts:
        return
    if sent_as is not None:
        outbox_doubts.forget_receipt(connection, session_id, sent_as)
        receipts = [receipt for receipt in receipts if receipt.message_id != sent_as]
    if is_in_flight(connection, session_id, chat):
        return
    attempts = outbox_doubts.attempts_in(connection, session_id, chat)
    for row_id, receipt in outbox_doubts.must_have_left(attempts, receipts).items():
        move(
            connection,
            changes,
            session_id,
            [outbox.c.id == row_id],
            [*WAITING_STATES, *UNKNOWN_STATES],
            SendState.SENT,
            message_id=receipt.message_id,
            message_timestamp=receipt.moment // 1_000,
            error=None,
        )


def is_in_flight(connection: sa.Connection, session_id: str, chat: str) -> bool:
    """Whether a send to this chat has begun and not come to its end."""
    begun = (outbox.c.session_id == session_id, outbox.c.state == SendState.SENDING, outbox.c.chat == chat)
    return connection.execute(sa.select(outbox.c.id).where(*begun).limit(1)).first() is not None


def ensure_queue(connection: sa.Connection, session_id: str) -> None:
    """See to it that the session's queue has its row."""
    empty = {"session_id": session_id, "paused": False, "delay_ms": 0, "restrictions": 0}
    numbers = {state.value: 0 for state in COUNTED_STATES}
    insert_if_new(connection, queues, empty | numbers)


def wire(error: FlashAPIError) -> str:
    """The `error` column."""
    return json.dumps(error.to_wire(), ensure_ascii=False)


def _as_row(session_id: str, send: NewSend) -> dict[str, Any]:
    moment = now_ms()
    return {
        "session_id": session_id,
        "action": send.action,
        "recipient": send.recipient,
        "payload": json.dumps(send.payload, ensure_ascii=False, separators=(",", ":")),
        "direct": send.direct,
        "rank": DIRECT_RANK if send.direct else rank_of(send.priority),
        "expires_at": send.expires_at,
        "due_at": send.due_at,
        "delay_ms": send.delay_ms,
        "request_id": send.request_id,
        "state": SendState.SCHEDULED if send.due_at > moment else SendState.QUEUED,
        "created_at": moment,
    }


def _numbers(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return Counter(row["state"] for row in rows if not row["direct"] and row["state"] in COUNTED_STATES)


def _delays(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["delay_ms"] for row in rows if not row["direct"] and row["state"] == SendState.QUEUED)


def _count(connection: sa.Connection, session_id: str, change: Mapping[str, int], delay_ms: int) -> None:
    columns = {state: queues.c[state] + number for state, number in change.items() if number}
    if delay_ms:
        columns["delay_ms"] = queues.c.delay_ms + delay_ms
    if not columns:
        return
    add = queues.update().where(queues.c.session_id == session_id).values(columns)
    if not connection.execute(add).rowcount:
        ensure_queue(connection, session_id)
        connection.execute(add)


def _tell(connection: sa.Connection, session_id: str, rows: Sequence[Mapping[str, Any]]) -> list[bus.Recorded]:
    if not rows:
        return []
    name = connection.execute(
        sa.select(sessions.c.name).where(sessions.c.id == session_id, sessions.c.wanted != Wanted.DELETED)
    ).scalar()
    if name is None:
        return []
    updates = [
        QueueUpdate(
            id=row["id"],
            state=SendState(row["state"]).value,
            direct=bool(row["direct"]),
            recipient=row["recipient"],
            chat=row.get("chat"),
            message_id=row.get("message_id"),
            error=json.loads(row["error"]) if row.get("error") else None,
            due_at=row["due_at"],
            attempts=row.get("attempts", 0),
        )
        for row in rows
    ]
    return bus.record_all(connection, session_id, name, updates)
