"""One received event into the tables, inside the caller's transaction; doing it twice changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi import bus, outbox_doubts
from flashapi.events import Event, MessageStatus, MessageUpdate, Person, PresenceUpdate
from flashapi.models.base import now_ms
from flashapi.models.sessions import sessions
from workers import (
    chat_rows,
    from_whatsapp,
    outbox_sent,
    people,
    store_calls,
    store_groups,
    store_messages,
)
from workers.clients import CODES
from workers.early_receipts import EarlyReceipts
from workers.journal import Entry
from workers.message_rows import advance_status
from workers.session_rows import living


class Unreadable(ValueError):
    """The journal holds an event of a kind that nobody here understands."""


@dataclass
class Stored:
    """What a received event has become."""

    recorded: list[bus.Recorded] = field(default_factory=list)


def store_entry(connection: sa.Connection, early: EarlyReceipts, entry: Entry) -> Stored:
    """Store a journalled event, but a piece of history, which `store_history` does. Raises Unreadable, DecodeError."""
    bus.take_turn(connection, entry.session_id)
    session = living(connection, entry.session_id)
    if session is None:
        return Stored()  # deleted meanwhile
    if entry.code == CODES[wire.Message]:
        return _store_messages(connection, session, entry)
    if entry.code == CODES[wire.Receipt]:
        return _store_receipt(connection, early, session, entry)
    if entry.code in store_groups.CODES_OF_GROUPS:
        return Stored(store_groups.store(connection, session, entry))
    if entry.code in store_calls.STATUS:
        return _store_call(connection, session, entry)
    if entry.code == CODES[wire.UndecryptableMessage]:
        unread = from_whatsapp.undecryptable(entry.raw)
        return Stored(store_messages.store_undecryptable(connection, session, unread) if unread else [])
    raise Unreadable(f"code {entry.code}")


def record_presence(
    connection: sa.Connection, session_id: str, updates: Sequence[PresenceUpdate]
) -> list[bus.Recorded]:
    """Presence leaves no other trace than its event. WhatsApp gives one name of a person, as a rule the LID."""
    session = living(connection, session_id)
    if session is None:
        return []
    known = people.names(connection, session, [update.person.preferred for update in updates])
    return [
        bus.record(connection, session_id, session.name, _by_both_names(update, known[update.person.preferred]))
        for update in updates
    ]


def _by_both_names(update: PresenceUpdate, known: Person) -> PresenceUpdate:
    told = update.person
    who = Person(jid=told.jid or known.jid, lid=told.lid or known.lid)
    own_chat = update.chat in (told.jid, told.lid)
    return replace(update, person=who, chat=who.preferred if own_chat else update.chat)


def _store_messages(connection: sa.Connection, session: Any, entry: Entry) -> Stored:
    stored = Stored()
    for event in from_whatsapp.message_events(entry.raw):
        missed = event.timestamp <= entry.missed_before // 1_000  # WhatsApp counts seconds
        stored.recorded += store_messages.store(connection, session, replace(event, backfilled=missed))
    if stored.recorded:
        _touch(connection, session)
    return stored


def _store_call(connection: sa.Connection, session: Any, entry: Entry) -> Stored:
    call = store_calls.advance(connection, session.id, store_calls.call_of(entry.code, entry.raw))
    return Stored(_told(connection, session, call))


def _told(connection: sa.Connection, session: Any, event: Event | None) -> list[bus.Recorded]:
    return [] if event is None else [bus.record(connection, session.id, session.name, event)]


def _store_receipt(connection: sa.Connection, early: EarlyReceipts, session: Any, entry: Entry) -> Stored:
    stored = Stored()
    moment_ms = from_whatsapp.receipt_time(entry.raw)
    for update in from_whatsapp.receipt_updates(entry.raw):
        is_news = early.note(entry, update.id, update.status)
        try:
            row = advance_status(connection, session.id, update.id, update.status)
        except LookupError:
            if is_news:  # sent by the phone itself long ago, or by us a moment ago
                chat = people.names(connection, session, [update.chat])[update.chat].preferred
                named = replace(update, chat=chat)  # receipts carry only the LID
                # Where groups aren't stored, a receipt there may be for what the user wrote in WhatsApp Web.
                is_kept = not (session.ignore_groups and chat.endswith("@g.us"))
                if is_kept and _tells_of_a_send(update):
                    stored.recorded += outbox_sent.settle_by_receipt(
                        connection, session.id, update.id, named.chat, moment_ms
                    )
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
            if _tells_of_a_send(update):
                outbox_doubts.pass_over(connection, session.id, row.chat, update.id, moment_ms)
            if not row.from_me and update.status is MessageStatus.READ:  # read on another device of the account
                stored.recorded += _told(connection, session, chat_rows.note_read(connection, session.id, row.chat))
            _touch(connection, session)
    return stored


def _tells_of_a_send(update: MessageUpdate) -> bool:
    """Whether a message of ours has just reached somebody; it may be read long after, when it is stored no more."""
    return update.from_me and update.status is MessageStatus.DELIVERED


def _touch(connection: sa.Connection, session: Any) -> None:
    """Note that the session is alive, at most once a second."""
    moment = now_ms()
    if (session.last_event_at or 0) + 1_000 < moment:
        connection.execute(sessions.update().where(sessions.c.id == session.id).values(last_event_at=moment))
