"""What a session has stored of a chat or a person, removed on request (privacy). WhatsApp is not told.

Done in parts, each of which holds nobody up; one that is cut off is finished by asking again.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from flashapi.indexes import along
from flashapi.models.chats import calls, chats, poll_votes
from flashapi.models.contacts import contacts, known_people
from flashapi.models.events import events
from flashapi.models.messages import messages
from flashapi.models.outbox import doubts, outbox, stray_receipts
from flashapi.parts import parts
from flashapi.removal import REMOVABLE_SENDS
from flashapi.services import chat_names, windows
from flashapi.services.backend import Backend
from flashapi.services.chat_names import PHONE_SERVER
from flashapi.services.history import POLLS
from flashapi.services.sessions import Row

AT_ONCE = 500
"""Rows removed in one transaction."""


def forget(backend: Backend, session: Row, *, jid: str) -> int:
    """Remove all that is stored of a chat, by whichever of its names it is called; how many messages there were.

    Of a person also what they wrote, voted and called anywhere. Sends that are still to go out stay: they are an order
    of the session's owner, who can cancel them, and a queue that loses rows by itself can't be relied on.
    """
    with backend.connections.reading() as connection:
        names = _names(connection, session, jid)
    return _Forgetting(backend, session, names).run()


def _names(connection: sa.Connection, session: Row, jid: str) -> list[str]:
    """All JIDs and LIDs of whoever is meant, in both spellings, also those that only the contact's row knows of."""
    names = chat_names.possible(connection, session, jid)
    same = sa.or_(contacts.c.jid.in_(names), contacts.c.lid.in_(names))
    known = connection.execute(
        sa.select(contacts.c.jid, contacts.c.lid).where(contacts.c.session_id == session.id, same)
    ).all()
    more = [other for row in known for name in row if name for other in chat_names.possible(connection, session, name)]
    return list(dict.fromkeys([*names, *more]))


class _Forgetting:
    """One request."""

    def __init__(self, backend: Backend, session: Row, names: Sequence[str]) -> None:
        self._connections = backend.connections
        self._session_id: str = session.id
        self._names = names
        ourselves = {f"{session.phone}@{PHONE_SERVER}", session.lid}
        self._authors = [] if ourselves & set(names) else names
        """Who asks to forget the chat with themselves doesn't mean all that they ever wrote."""
        self._spelled = [*names, *(name.split("@")[0] for name in names if name.endswith(f"@{PHONE_SERVER}"))]
        """As callers write recipients: bare numbers too."""

    def run(self) -> int:
        removed = sum(self._remove_messages(which) for which in self._messages())
        self._remove(poll_votes, poll_votes.c.voter.in_(self._authors) | poll_votes.c.voter_lid.in_(self._authors))
        self._remove(calls, calls.c.caller.in_(self._authors))
        self._remove_sends()
        self._remove_events()
        self._remove_chat()
        return removed

    def _remove_sends(self) -> None:
        """Those that are over; what tells which attempts have left is needed while others to the chat are not."""
        theirs = outbox.c.chat.in_(self._names) | outbox.c.recipient.in_(self._spelled)
        self._remove(outbox, theirs, outbox.c.state.in_(REMOVABLE_SENDS))
        if self._find(outbox, theirs):
            return
        for table in (doubts, stray_receipts):
            self._remove(table, table.c.chat.in_(self._names))

    def _messages(self) -> Iterator[Sequence[sa.ColumnElement[bool]]]:
        """Which messages go: those of the chat are found by an index, who wrote what is looked at bit by bit."""
        yield [messages.c.chat.in_(self._names)]
        written = [messages.c.sender.in_(self._authors), messages.c.from_me.is_(False)]
        if self._connections.engine.dialect.name != "sqlite":  # nobody waits for another server's search
            yield written
            return
        ours = [messages.c.session_id == self._session_id]
        for window in windows.upwards(self._connections, messages.c.timestamp, ours):
            yield [*written, *windows.within(messages.c.timestamp, window)]

    def _remove_messages(self, which: Iterable[sa.ColumnElement[bool]]) -> int:
        """And the votes in the polls among them."""
        removed = 0
        for ids in parts(self._find(messages, *which), AT_ONCE):
            with self._connections.part() as connection:
                these = messages.c.id.in_(ids)
                polls = sa.select(messages.c.message_id).where(these, messages.c.type.startswith(POLLS))
                in_them = (poll_votes.c.session_id == self._session_id, poll_votes.c.poll_id.in_(polls))
                connection.execute(poll_votes.delete().where(*in_them))
                removed += connection.execute(messages.delete().where(these)).rowcount
        return removed

    def _remove(self, table: sa.Table, *which: sa.ColumnElement[bool]) -> None:
        for ids in parts(self._find(table, *which), AT_ONCE):
            with self._connections.part() as connection:
                connection.execute(table.delete().where(table.c.id.in_(ids), *which))

    def _find(self, table: sa.Table, *which: sa.ColumnElement[bool]) -> list[int]:
        query = sa.select(table.c.id).where(table.c.session_id == self._session_id, *which)
        if table is messages:  # left to itself MariaDB may fetch every row of the session to see who wrote it
            query = along(query, messages.c.session_id, messages.c.chat, messages.c.sender, messages.c.message_id)
        with self._connections.reading() as connection:
            return list(connection.scalars(query))

    def _remove_events(self) -> None:
        """Whatever names them: the delivery of such an event, where it is still to be made, becomes a dead letter."""
        ours = events.c.session_id == self._session_id
        named = sa.or_(*(events.c.data.contains(json.dumps(name), autoescape=True) for name in self._spelled))
        for window in windows.upwards(self._connections, events.c.position, [ours]):
            query = sa.select(events.c.position).where(named)
            with self._connections.reading() as connection:
                found = list(connection.scalars(windows.inside(query, events.c.position, [ours], window)))
            for positions in parts(found, AT_ONCE):
                with self._connections.part() as connection:
                    connection.execute(events.delete().where(events.c.position.in_(positions)))

    def _remove_chat(self) -> None:
        """The last transaction syncs the log to the disk, and with it all that came before."""
        with self._connections.transaction(durable=True) as connection:
            ours = chats.c.session_id == self._session_id
            connection.execute(chats.delete().where(ours, chats.c.jid.in_(self._names)))
            for table in (contacts, known_people):
                named = table.c.jid.in_(self._names) | table.c.lid.in_(self._names)
                connection.execute(table.delete().where(table.c.session_id == self._session_id, named))
