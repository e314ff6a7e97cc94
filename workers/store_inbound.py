"""One received event into the tables, inside the caller's transaction; doing it twice changes nothing."""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi import bus
from flashapi.events import ContactsUpdate, Event, MessageReceived, MessageStatus, MessageUpdate
from flashapi.models.base import now_ms
from flashapi.models.installation import numbers
from flashapi.models.messages import messages
from flashapi.models.sessions import Wanted, sessions
from workers import contact_rows, from_whatsapp, people, store_groups
from workers.clients import CODES
from workers.journal import Entry

EARLY_AT_MOST = 5_000
ORDER = (MessageStatus.RECEIVED, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)
"""A message's status moves only forward along this."""


class Unreadable(ValueError):
    """The journal holds an event of a kind that nobody here understands."""


@dataclass
class Stored:
    """What a received event has become."""

    recorded: list[bus.Recorded] = field(default_factory=list)


class EarlyReceipts:
    """Receipts that came before the send they speak of was written down: milliseconds, on a fast network."""

    def __init__(self) -> None:
        self._statuses: OrderedDict[tuple[str, str], tuple[MessageStatus, Entry]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, entry: Entry, message_id: str, status: MessageStatus) -> bool:
        """Remember it, before looking for the message; False if another receipt has told as much already."""
        with self._lock:
            key = (entry.session_id, message_id)
            known, teller = self._statuses.get(key, (None, None))
            if known is not None and teller is not entry and ORDER.index(known) >= ORDER.index(status):
                return False
            self._statuses[key] = (status, entry)
            while len(self._statuses) > EARLY_AT_MOST:
                self._statuses.popitem(last=False)
            return True

    def known(self, session_id: str, message_id: str) -> MessageStatus | None:
        """What has been remembered so far."""
        with self._lock:
            return self._statuses.get((session_id, message_id), (None, None))[0]

    def take(self, session_id: str, message_id: str) -> MessageStatus | None:
        """What was remembered, after the message is written down."""
        with self._lock:
            status, _ = self._statuses.pop((session_id, message_id), (None, None))
            return status


def store_entry(connection: sa.Connection, early: EarlyReceipts, entry: Entry) -> Stored:
    """Store a journalled event. Raises Unreadable, or protobuf's DecodeError."""
    session = _living(connection, entry.session_id)
    if session is None:
        return Stored()  # deleted meanwhile
    if entry.code == CODES[wire.Message]:
        return _store_messages(connection, session, from_whatsapp.message_events(entry.raw))
    if entry.code == CODES[wire.Receipt]:
        return _store_receipt(connection, early, session, entry)
    if entry.code in store_groups.CODES_OF_GROUPS:
        return Stored(store_groups.store(connection, session, entry))
    if entry.code == CODES[wire.UndecryptableMessage]:
        return Stored()  # WhatsApp resends it after neonize's retry receipt
    raise Unreadable(f"code {entry.code}")


def record_only(connection: sa.Connection, session_id: str, events: list[Event]) -> list[bus.Recorded]:
    """Events that leave no other trace (presence)."""
    session = _living(connection, session_id)
    if session is None:
        return []
    return [bus.record(connection, session_id, session.name, event) for event in events]


def insert_message(connection: sa.Connection, session_id: str, **columns: Any) -> bool:
    """Add a message row; False if it is there already."""
    identity = {name: columns[name] for name in ("chat", "sender", "message_id")}
    known = sa.select(messages.c.id).where(
        messages.c.session_id == session_id, *(messages.c[name] == value for name, value in identity.items())
    )
    if connection.execute(known).first() is not None:
        return False
    connection.execute(messages.insert(), {"session_id": session_id, "created_at": now_ms(), **columns})
    return True


def advance_status(connection: sa.Connection, session_id: str, message_id: str, status: MessageStatus) -> Any:
    """Move a message's status forward; gives its row if it moved, None if it stood there, and raises LookupError if
    there is no such message."""
    rows = connection.execute(
        sa.select(messages.c.id, messages.c.chat, messages.c.from_me, messages.c.status).where(
            messages.c.session_id == session_id, messages.c.message_id == message_id
        )
    ).all()
    if not rows:
        raise LookupError(message_id)
    row = rows[0]
    if ORDER.index(MessageStatus(row.status)) >= ORDER.index(status):
        return None
    connection.execute(messages.update().where(messages.c.id == row.id).values(status=status.value))
    return row


def phone_of(connection: sa.Connection, mode: str, jid: str) -> str:
    """The phone JID that goes with a LID, where WhatsApp has told us; receipts carry only the LID."""
    known = connection.execute(
        sa.select(numbers.c.jid).where(numbers.c.mode == mode, numbers.c.lid == jid).limit(1)
    ).scalar()
    return known or jid


def _living(connection: sa.Connection, session_id: str) -> Any:
    return connection.execute(
        sa.select(sessions.c.id, sessions.c.name, sessions.c.mode, sessions.c.last_event_at).where(
            sessions.c.id == session_id, sessions.c.wanted != Wanted.DELETED
        )
    ).one_or_none()


def _store_messages(connection: sa.Connection, session: Any, events: list[Event]) -> Stored:
    stored = Stored()
    for event in events:
        assert isinstance(event, MessageReceived)
        added = insert_message(
            connection,
            session.id,
            chat=event.chat,
            sender=event.sender.preferred,
            message_id=event.id,
            from_me=event.from_me,
            is_group=event.is_group,
            type=event.kind,
            content=json.dumps(event.web_message(), ensure_ascii=False),
            raw=event.raw,
            status=MessageStatus.SENT.value if event.from_me else MessageStatus.RECEIVED.value,
            timestamp=event.timestamp,
        )
        if added:
            stored.recorded.append(bus.record(connection, session.id, session.name, event))
            stored.recorded += _meet_sender(connection, session, event)
            _touch(connection, session)
    return stored


def _meet_sender(connection: sa.Connection, session: Any, message: MessageReceived) -> list[bus.Recorded]:
    """Keep both names of whoever wrote, and what they call themselves."""
    who = message.sender
    people.learn(connection, session.mode, [who])
    if message.from_me or not who.preferred:
        return []
    if not contact_rows.note(connection, session.id, who, push_name=message.push_name):
        return []
    update = ContactsUpdate(person=who, changes={"notify": message.push_name})
    return [bus.record(connection, session.id, session.name, update)]


def _store_receipt(connection: sa.Connection, early: EarlyReceipts, session: Any, entry: Entry) -> Stored:
    stored = Stored()
    for update in from_whatsapp.receipt_updates(entry.raw):
        is_news = early.note(entry, update.id, update.status)
        try:
            row = advance_status(connection, session.id, update.id, update.status)
        except LookupError:
            if is_news:  # sent by the phone itself long ago, or by us a moment ago
                named = replace(update, chat=phone_of(connection, session.mode, update.chat))
                stored.recorded.append(bus.record(connection, session.id, session.name, named))
            continue
        early.take(session.id, update.id)
        if row is not None:
            moved = MessageUpdate(
                id=update.id,
                chat=row.chat,
                from_me=row.from_me,
                status=update.status,
                participant=update.participant,
            )
            stored.recorded.append(bus.record(connection, session.id, session.name, moved))
            _touch(connection, session)
    return stored


def _touch(connection: sa.Connection, session: Any) -> None:
    """Note that the session is alive, at most once a second."""
    moment = now_ms()
    if (session.last_event_at or 0) + 1_000 < moment:
        connection.execute(sessions.update().where(sessions.c.id == session.id).values(last_event_at=moment))
