"""A send that left: its row, its message and what they tell, in one transaction; also where only a receipt says so."""

import json
from typing import Any

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus, outbox_doubts, outbox_states
from flashapi.connections import Connections
from flashapi.events import Event, MessageStatus, MessageUpdate, Person, message_key
from flashapi.models.base import now_ms
from flashapi.models.outbox import UNKNOWN_STATES, WAITING_STATES, SendState, outbox
from flashapi.models.sessions import sessions
from workers import amendments
from workers.chat_rows import note_message
from workers.early_receipts import EarlyReceipts
from workers.from_whatsapp import content_kind, message_json
from workers.message_rows import Insertion, advance_status, insert_message
from workers.outbox_rows import Row

OUR_IDS = "3EB0"
"""How whatsmeow's own message ids begin (send.go, WebMessageIDPrefix), as WhatsApp Web's do; phones' don't."""


def mark_sent(
    connections: Connections,
    early: EarlyReceipts,
    row: Row,
    *,
    chat: str,
    sender: str,
    message_id: str,
    timestamp: int,
    message: Message,
) -> None:
    """It left: the row, the message and the events in one transaction.

    A row that was declared uncertain meanwhile (this process was paused), or queued to be sent again, becomes `sent`
    too: that is the truth.
    """
    message = amendments.unwrapped(message)
    is_group = chat.endswith("@g.us")
    key = message_key(message_id, chat, from_me=True, participant=sender if is_group else None)
    with outbox_states.changing(connections) as (connection, changes):
        bus.take_turn(connection, row.session_id)
        # A receipt may have been faster than this; its event has told more than `sent` would.
        status = early.known(row.session_id, message_id) or MessageStatus.SENT
        values: dict[str, Any] = {"chat": chat, "message_id": message_id, "message_timestamp": timestamp, "error": None}
        which = [outbox.c.id == row.id]
        in_flight = [SendState.SENDING]
        if not outbox_states.move(connection, changes, row.session_id, which, in_flight, SendState.SENT, **values):
            _end_doubt(connection, changes, row, values)
        if status is not MessageStatus.SENT:
            outbox_doubts.pass_over(connection, row.session_id, chat, message_id, now_ms())
        added = insert_message(
            connection,
            row.session_id,
            chat=chat,
            sender=sender,
            message_id=message_id,
            from_me=True,
            is_group=is_group,
            type=content_kind(message) or "unknown",
            content=json.dumps(
                {"key": key, "messageTimestamp": timestamp, "message": message_json(message)}, ensure_ascii=False
            ),
            raw=message.SerializeToString(),
            status=status.value,
            timestamp=timestamp,
        )
        name = connection.execute(sa.select(sessions.c.name).where(sessions.c.id == row.session_id)).scalar()
        if added is Insertion.NEW and name is not None:
            told = _following(connection, row, chat, sender, timestamp, message)
            if status is MessageStatus.SENT:
                told.insert(0, MessageUpdate(id=message_id, chat=chat, from_me=True, status=status))
            changes.recorded += [bus.record(connection, row.session_id, name, event, row.request_id) for event in told]
    if (latest := early.take(row.session_id, message_id)) is not None and latest is not status:
        with connections.transaction() as connection:
            advance_status(connection, row.session_id, message_id, latest)


def _end_doubt(connection: sa.Connection, changes: outbox_states.Changes, row: Row, values: dict[str, Any]) -> None:
    """An attempt that was in doubt is known to have left, and as what; unless that was written down before."""
    states = [*WAITING_STATES, *UNKNOWN_STATES]
    which = [outbox.c.id == row.id]
    if outbox_states.move(connection, changes, row.session_id, which, states, SendState.SENT, **values):
        outbox_doubts.forget_attempt(connection, row.id)
        outbox_states.settle(connection, changes, row.session_id, values["chat"], values["message_id"])


def settle_by_receipt(
    connection: sa.Connection, session_id: str, message_id: str, chat: str, moment_ms: int
) -> list[bus.Recorded]:
    """The first receipt for an id that nobody here has stored: a send to that chat which is in doubt has left, then.

    It is kept: it proves something only together with the others, and where a send to the chat is in flight it may be
    its own.
    """
    receipt = outbox_doubts.Receipt(message_id, moment_ms)
    if not message_id.startswith(OUR_IDS) or _is_settled(connection, session_id, message_id):
        return []
    attempts = outbox_doubts.attempts_in(connection, session_id, chat)
    in_flight = outbox_states.is_in_flight(connection, session_id, chat)
    if not in_flight and not any(attempt.may_have(receipt) for attempt in attempts):
        return []
    outbox_doubts.note_receipt(connection, session_id, chat, receipt)
    changes = outbox_states.Changes()
    outbox_states.settle(connection, changes, session_id, chat)
    return changes.recorded


def id_by_receipt(connections: Connections, row: Row, chat: str, began_at: int) -> str | None:
    """The id of a send in flight of which only a receipt has told; None if that may be another's."""
    attempt = outbox_doubts.Attempt(row.id, began_at)
    with connections.reading() as connection:
        receipts = outbox_doubts.receipts_in(connection, row.session_id, chat)
        others = outbox_doubts.attempts_in(connection, row.session_id, chat) if receipts else []
    receipt = outbox_doubts.receipt_of(attempt, others, receipts)
    return receipt.message_id if receipt is not None else None


def _is_settled(connection: sa.Connection, session_id: str, message_id: str) -> bool:
    """Whether an earlier receipt has told of this message: read comes after delivered."""
    known = sa.select(outbox.c.id).where(outbox.c.session_id == session_id, outbox.c.message_id == message_id)
    return connection.execute(known).first() is not None


def own_name(connection: sa.Connection, session_id: str) -> str:
    """The session's own JID, as the sender of what it sends."""
    phone = connection.execute(sa.select(sessions.c.phone).where(sessions.c.id == session_id)).scalar()
    return f"{phone}@s.whatsapp.net"


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
