"""A piece of the phone's history into the tables: chats and messages of before the session was linked.

Its messages are no `message_received`: they are told of together, once, and only if any of it is news. A piece may hold
ten thousand of them, so it is stored in many transactions, the newest messages in the last one together with the event:
a replay after a crash finds what is left, and tells it.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi import bus
from flashapi.chat_events import HistorySet
from flashapi.connections import Connections
from flashapi.events import Person
from flashapi.parts import parts
from workers import contact_rows, history_chats, history_messages, people
from workers.clients import CODES
from workers.history_messages import GROUP, Old
from workers.session_rows import living
from workers.waiting import persistently

CODE = CODES[wire.HistorySync]
ROWS_AT_ONCE = 100
"""In one transaction: SQLite has one writer, and sends wait for it. Those of the last one are the messages in the
event, as many as the original kept of each batch."""

T = TypeVar("T")
Conversations = list[tuple[str, Any]]
"""Each by the name its chat is stored under."""


class _Deleted(Exception):
    """The session has been deleted meanwhile."""


def store(connections: Connections, session_id: str, raw: bytes) -> list[bus.Recorded]:
    """Store it; what is to be announced, nothing if all of it was here before. Waits while the database is away.

    The event's `stored` counts what this call has stored: after a crash, the rest. Raises protobuf's DecodeError.
    """
    history = wire.HistorySync.FromString(raw).Data
    try:
        return _Storing(connections, session_id, _event_id(session_id, raw)).store(history)
    except _Deleted:
        return []


class _Storing:
    """One piece on its way into the tables."""

    def __init__(self, connections: Connections, session_id: str, event_id: str) -> None:
        self._connections = connections
        self._session_id = session_id
        self._event_id = event_id
        self._stored = 0

    def store(self, history: Any) -> list[bus.Recorded]:
        for pairs in parts(history.phoneNumberToLidMappings, ROWS_AT_ONCE):
            self._in_turn(_learn, pairs)
        contacts = self._meet({each.ID: each.pushname for each in history.pushnames if each.pushname not in ("", "-")})
        conversations, news = self._read(_look, history.conversations)
        # Whole parts from the newest on, so that the last one is as full as it can be.
        early = len(news) % ROWS_AT_ONCE
        *before, last = [part for part in (news[:early], *parts(news[early:], ROWS_AT_ONCE)) if part] or [[]]
        for part in before:
            self._stored += len(self._in_turn(_insert, part, self._rows_of(part)))
        return self._in_turn(self._finish, last, self._rows_of(last), conversations, contacts)

    def _meet(self, named: dict[str, str]) -> tuple[dict[str, Any], ...]:
        """Keep what people call themselves. WhatsApp gives each person twice, by the phone JID and by the LID."""
        known = self._read(lambda connection, session: people.names(connection, session, named))
        for part in parts(list(named), ROWS_AT_ONCE):
            self._in_turn(_note, [(known[jid], named[jid]) for jid in part])
        told = {known[jid].preferred: {"lid": known[jid].lid, "notify": name} for jid, name in named.items()}
        return tuple({"id": jid, **facts} for jid, facts in told.items())

    def _finish(
        self,
        connection: sa.Connection,
        session: Any,
        last: Sequence[Old],
        rows: Sequence[dict[str, Any]],
        conversations: Conversations,
        contacts: tuple[dict[str, Any], ...],
    ) -> list[bus.Recorded]:
        told = history_messages.insert(connection, session.id, last, rows)
        new_chats = history_chats.add(connection, session.id, conversations)
        stored = self._stored + len(told)
        if not new_chats and not stored:
            return []
        if bus.is_recorded(connection, self._event_id):  # by a commit whose answer got lost
            return []
        event = HistorySet(chats=tuple(new_chats), contacts=contacts, messages=tuple(told), stored=stored)
        return [bus.record(connection, session.id, session.name, event, id=self._event_id)]

    def _rows_of(self, part: Sequence[Old]) -> list[dict[str, Any]]:
        return history_messages.rows_of(self._session_id, part)

    def _in_turn(self, work: Callable[..., T], *arguments: Any) -> T:
        """One transaction of many."""

        def once() -> T:
            with self._connections.part() as connection:
                bus.take_turn(connection, self._session_id)
                return work(connection, self._living(connection), *arguments)

        return persistently(once)

    def _read(self, work: Callable[..., T], *arguments: Any) -> T:
        def once() -> T:
            with self._connections.reading() as connection:
                return work(connection, self._living(connection), *arguments)

        return persistently(once)

    def _living(self, connection: sa.Connection) -> Any:
        session = living(connection, self._session_id)
        if session is None:
            raise _Deleted
        return session


def _event_id(session_id: str, raw: bytes) -> str:
    """Made from what it tells of, so that it is found to be told already."""
    return f"evt_{hashlib.sha256(b'history %s %s' % (session_id.encode(), raw)).hexdigest()[:32]}"


def _learn(connection: sa.Connection, session: Any, pairs: Sequence[Any]) -> None:
    people.learn(connection, session, [Person(jid=pair.pnJID, lid=pair.lidJID) for pair in pairs])


def _note(connection: sa.Connection, session: Any, named: Sequence[tuple[Person, str]]) -> None:
    for who, name in named:
        contact_rows.note(connection, session.id, who, push_name=name)


def _look(connection: sa.Connection, session: Any, conversations: Sequence[Any]) -> tuple[Conversations, list[Old]]:
    """The chats, and which of their messages are news, the oldest first."""
    lids = [conversation.ID for conversation in conversations if conversation.ID.endswith("@lid")]
    known = people.names(connection, session, lids)
    found: Conversations = []
    for conversation in conversations:
        person = known.get(conversation.ID)
        jid = conversation.pnJID or (person.preferred if person else conversation.ID)
        if not (jid.endswith(GROUP) and session.ignore_groups):
            found.append((jid, conversation))
    old = history_messages.old_messages(connection, session, found)
    return found, history_messages.news_of(connection, session.id, old)


def _insert(
    connection: sa.Connection, session: Any, part: Sequence[Old], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    return history_messages.insert(connection, session.id, part, rows)
