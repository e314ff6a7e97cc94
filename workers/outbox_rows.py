"""What the runner reads and writes of the outbox. Every step is a conditional UPDATE that carries the epoch (D1)."""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus
from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, NotFound, NoWorker, OutcomeUnknown, from_wire
from flashapi.events import Event, MessageStatus, MessageUpdate, Person
from flashapi.models.base import now_ms
from flashapi.models.outbox import FINAL_STATES, SendState, outbox
from flashapi.models.sessions import sessions
from workers import amendments
from workers.chat_rows import note_message
from workers.from_whatsapp import content_kind, message_json
from workers.message_rows import Insertion, advance_status, insert_message
from workers.store_inbound import EarlyReceipts


@dataclass(frozen=True)
class Row:
    """A queued row, as far as the runner needs it."""

    id: int
    session_id: str
    action: str
    payload: str
    direct: bool
    expires_at: int | None
    delay_ms: int
    gap_ms: int
    request_id: str | None


_COLUMNS = [outbox.c[name] for name in Row.__dataclass_fields__]


def next_row(connection: sa.Connection, session_id: str) -> Row | None:
    """Direct ones first, then due, then highest priority, then lowest number."""
    found = connection.execute(
        sa.select(*_COLUMNS)
        .where(outbox.c.session_id == session_id, outbox.c.state == SendState.QUEUED, outbox.c.due_at <= now_ms())
        .order_by(outbox.c.direct.desc(), outbox.c.priority.desc(), outbox.c.id)
        .limit(1)
    ).one_or_none()
    return Row(*found) if found is not None else None


def sessions_with_rows(connection: sa.Connection, session_ids: list[str]) -> list[str]:
    """Which of these sessions have something to send."""
    if not session_ids:
        return []
    found = connection.execute(
        sa.select(outbox.c.session_id)
        .where(outbox.c.state == SendState.QUEUED, outbox.c.session_id.in_(session_ids), outbox.c.due_at <= now_ms())
        .distinct()
    )
    return [row.session_id for row in found]


def claim(connections: Connections, row: Row, epoch: int) -> bool:
    """queued → sending; False if it was cancelled meanwhile."""
    with connections.transaction() as connection:
        return bool(
            connection.execute(
                outbox.update()
                .where(outbox.c.id == row.id, outbox.c.state == SendState.QUEUED)
                .values(state=SendState.SENDING, epoch=epoch, sending_at=now_ms())
            ).rowcount
        )


def unclaim(connections: Connections, row: Row, epoch: int) -> bool:
    """sending → queued: it certainly did not leave."""
    return _leave_sending(connections, row, epoch, state=SendState.QUEUED, sending_at=None)


def mark_failed(connections: Connections, row: Row, epoch: int, error: FlashAPIError) -> bool:
    """It did not leave, and won't. Also for a row that was never claimed."""
    with connections.transaction() as connection:
        return bool(
            connection.execute(
                outbox.update()
                .where(
                    outbox.c.id == row.id,
                    sa.or_(
                        outbox.c.state == SendState.QUEUED,
                        sa.and_(outbox.c.state == SendState.SENDING, outbox.c.epoch == epoch),
                    ),
                )
                .values(state=SendState.FAILED, error=json.dumps(error.to_wire()), finished_at=now_ms())
            ).rowcount
        )


def mark_uncertain(connections: Connections, row: Row, epoch: int, error: FlashAPIError) -> bool:
    """Nobody can say whether it left."""
    return _leave_sending(
        connections, row, epoch,
        state=SendState.UNCERTAIN, error=json.dumps(error.to_wire()), finished_at=now_ms(),
    )  # fmt: skip


def mark_sent(
    connections: Connections,
    early: EarlyReceipts,
    row: Row,
    epoch: int,
    *,
    chat: str,
    sender: str,
    message_id: str,
    timestamp: int,
    message: Message,
) -> None:
    """It left: the row, the message and the event in one transaction.

    A row that was declared uncertain meanwhile (this process was paused) becomes `sent` too: that is the truth.
    """
    message = amendments.unwrapped(message)
    kind = content_kind(message) or "unknown"
    key = {"remoteJid": chat, "fromMe": True, "id": message_id}
    with connections.transaction() as connection:
        # A receipt may have been faster than this; its event has told more than `sent` would.
        status = early.known(row.session_id, message_id) or MessageStatus.SENT
        connection.execute(
            outbox.update()
            .where(outbox.c.id == row.id, outbox.c.state.in_([SendState.SENDING, SendState.UNCERTAIN]))
            .values(
                state=SendState.SENT,
                chat=chat,
                message_id=message_id,
                message_timestamp=timestamp,
                error=None,
                finished_at=now_ms(),
            )
        )
        added = insert_message(
            connection,
            row.session_id,
            chat=chat,
            sender=sender,
            message_id=message_id,
            from_me=True,
            is_group=chat.endswith("@g.us"),
            type=kind,
            content=json.dumps(
                {"key": key, "messageTimestamp": timestamp, "message": message_json(message)}, ensure_ascii=False
            ),
            raw=message.SerializeToString(),
            status=status.value,
            timestamp=timestamp,
        )
        name = connection.execute(sa.select(sessions.c.name).where(sessions.c.id == row.session_id)).scalar()
        recorded = []
        if added is Insertion.NEW and name is not None:
            told = _following(connection, row, chat, sender, timestamp, message)
            if status is MessageStatus.SENT:
                told.insert(0, MessageUpdate(id=message_id, chat=chat, from_me=True, status=status))
            recorded = [bus.record(connection, row.session_id, name, event, row.request_id) for event in told]
    bus.announce(connections.redis, recorded)
    if (latest := early.take(row.session_id, message_id)) is not None and latest is not status:
        with connections.transaction() as connection:
            advance_status(connection, row.session_id, message_id, latest)


def _following(
    connection: sa.Connection, row: Row, chat: str, sender: str, timestamp: int, message: Message
) -> list[Event]:
    """What comes with a message of ours: its chat may be new, and it may have changed an earlier one."""
    by_lid = sender.endswith("@lid")
    us = Person(jid=None if by_lid else sender, lid=sender if by_lid else None)
    found = (
        note_message(connection, row.session_id, chat, timestamp=timestamp, from_me=True, unread=False),
        amendments.apply(
            connection, row.session_id, chat=chat, sender=us, from_me=True, timestamp=timestamp, message=message
        ),
    )
    return [event for event in found if event is not None]


def recover(connections: Connections, session_ids: list[str], epoch: int) -> int:
    """Rows a former owner left in `sending` become uncertain; returns how many."""
    if not session_ids:
        return 0
    with connections.transaction() as connection:
        return connection.execute(
            outbox.update()
            .where(
                outbox.c.session_id.in_(session_ids),
                outbox.c.state == SendState.SENDING,
                outbox.c.epoch < epoch,
            )
            .values(state=SendState.UNCERTAIN, error=json.dumps(OutcomeUnknown().to_wire()), finished_at=now_ms())
        ).rowcount


def outcomes(connections: Connections, session_id: str, ids: list[int]) -> dict[int, dict[str, Any] | FlashAPIError]:
    """For each of these rows that is finished: the answer for its caller, or the error."""
    with connections.reading() as connection:
        found = connection.execute(
            sa.select(outbox).where(outbox.c.session_id == session_id, outbox.c.id.in_(ids))
        ).all()
    answers: dict[int, dict[str, Any] | FlashAPIError] = {row.id: _outcome(row) for row in found if _is_final(row)}
    missing = set(ids) - {row.id for row in found}
    return answers | {row: NotFound() for row in missing}


def _is_final(row: Any) -> bool:
    return row.state in FINAL_STATES


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
    if row.state == SendState.UNCERTAIN:
        error.details["reference"] = str(row.id)
    return error


def _leave_sending(connections: Connections, row: Row, epoch: int, **values: Any) -> bool:
    with connections.transaction() as connection:
        return bool(
            connection.execute(
                outbox.update()
                .where(outbox.c.id == row.id, outbox.c.state == SendState.SENDING, outbox.c.epoch == epoch)
                .values(**values)
            ).rowcount
        )
