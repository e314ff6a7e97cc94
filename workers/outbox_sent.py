"""A send that left: its row, its message and what they tell, in one transaction; also where only a receipt says so."""

import json

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus, outbox_states
from flashapi.connections import Connections
from flashapi.events import Event, MessageStatus, MessageUpdate, Person, message_key
from flashapi.models.outbox import SendState, outbox
from flashapi.models.sessions import sessions
from workers import amendments
from workers.chat_rows import note_message
from workers.early_receipts import EarlyReceipts
from workers.from_whatsapp import content_kind, message_json
from workers.message_rows import Insertion, advance_status, insert_message
from workers.outbox_rows import Row

OUR_IDS = "3EB0"
"""How whatsmeow's own message ids begin (send.go, WebMessageIDPrefix); phones number theirs otherwise."""


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
        outbox_states.move(
            connection,
            changes,
            row.session_id,
            [outbox.c.id == row.id],
            [SendState.SENDING, SendState.UNCERTAIN, SendState.QUEUED],
            SendState.SENT,
            chat=chat,
            message_id=message_id,
            message_timestamp=timestamp,
            error=None,
        )
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


def settle_by_receipt(
    connection: sa.Connection, early: EarlyReceipts, session_id: str, message_id: str, chat: str, moment_ms: int
) -> list[bus.Recorded]:
    """A receipt for an id that nobody here has stored: a send to that chat which is in doubt has left, then (D4).

    Of several it is the last that had begun by the receipt's time: phones tell at once that something has come. While
    another send to the chat is in flight the receipt may be its own: it is remembered until that is known.
    """
    if not message_id.startswith(OUR_IDS) or _is_settled(connection, session_id, message_id):
        return []
    in_chat = [outbox.c.session_id == session_id, outbox.c.chat == chat]
    # The receipt counts whole seconds.
    begun = [*in_chat, outbox.c.sending_at.is_not(None), outbox.c.sending_at < moment_ms + 1_000]
    in_flight = sa.select(outbox.c.id).where(*in_chat, outbox.c.state == SendState.SENDING)
    if connection.execute(in_flight).first() is not None:
        early.put_aside(session_id, message_id, chat, moment_ms)
        return []
    changes = outbox_states.Changes()
    in_doubt = sa.or_(
        outbox.c.state == SendState.UNCERTAIN,
        sa.and_(outbox.c.state == SendState.QUEUED, outbox.c.attempts > 0),  # to be sent again
    )
    outbox_states.move(
        connection,
        changes,
        session_id,
        [*begun, in_doubt],
        [SendState.UNCERTAIN, SendState.QUEUED],
        SendState.SENT,
        at_most=1,
        first=outbox.c.sending_at.desc(),
        message_id=message_id,
        message_timestamp=moment_ms // 1_000,
        error=None,
    )
    return changes.recorded


def settle_put_aside(connections: Connections, early: EarlyReceipts, session_ids: list[str]) -> None:
    """Apply the receipts that were replayed from a dead owner's journal while its sends still looked in flight."""
    for session_id, message_id, chat, moment_ms in early.put_aside_for(set(session_ids)):
        with outbox_states.changing(connections) as (connection, changes):
            bus.take_turn(connection, session_id)
            changes.recorded += settle_by_receipt(connection, early, session_id, message_id, chat, moment_ms)


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
