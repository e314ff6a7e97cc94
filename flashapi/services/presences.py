"""What others may see of a session, and what it wants to see of them: typing, read messages, presence."""

import sqlalchemy as sa

from flashapi import bus
from flashapi.chat_events import ChatsUpdate
from flashapi.dispatch import Action
from flashapi.errors import NotFound
from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.models.messages import NEWEST_FIRST, messages
from flashapi.services import chat_names, history
from flashapi.services.backend import Backend, request_id
from flashapi.services.questions import ask
from flashapi.services.sessions import Row

UNREAD_AT_MOST = 100
"""Receipts for so many messages suffice: WhatsApp clears the chat's counter with the newest."""


def type_in(backend: Backend, session: Row, *, to: str, typing: bool, recording: bool) -> None:
    """Show, or no longer show, that the session types or records."""
    state = "paused" if not typing else "recording" if recording else "composing"
    ask(backend, session, Action.SHOW_TYPING, to=to, state=state)


def mark_read(backend: Backend, session: Row, *, jid: str, message_id: str | None) -> None:
    """Tell the senders that a message, or everything unread in a chat, has been read. Raises NotFound."""
    if message_id is not None:
        found = history.find(backend, session, message_id)
        if found is None or found.from_me:
            raise NotFound(history.NO_MESSAGE)
        chat, unread = found.chat, [found]
    else:
        chat, unread = _unread(backend, session, jid)
    by_sender: dict[str, list[str]] = {}
    for row in unread:
        by_sender.setdefault(row.sender, []).append(row.message_id)
    ask(backend, session, Action.MARK_READ, chat=chat, by_sender=by_sender)
    with backend.connections.transaction() as connection:
        for row in unread:
            connection.execute(messages.update().where(messages.c.id == row.id).values(status="read"))
        chat_read = (chats.c.session_id == session.id, chats.c.jid == chat, chats.c.unread > 0)
        told = []
        if connection.execute(chats.update().where(*chat_read).values(unread=0, updated_at=now_ms())).rowcount:
            event = ChatsUpdate(chats=({"id": chat, "unreadCount": 0},))
            told.append(bus.record(connection, session.id, session.name, event, request_id()))
    bus.announce(backend.connections.redis, told)


def subscribe(backend: Backend, session: Row, *, jid: str) -> None:
    """Ask WhatsApp to tell when somebody comes and goes, until the session's connection ends."""
    ask(backend, session, Action.SUBSCRIBE_PRESENCE, to=jid)


def _unread(backend: Backend, session: Row, jid: str) -> tuple[str, list[Row]]:
    """The chat's name, and its newest messages that nobody has read."""
    with backend.connections.reading() as connection:
        chat = chat_names.stored(connection, session, jid)[0]
        found = connection.execute(
            sa.select(messages.c.id, messages.c.sender, messages.c.message_id, messages.c.status)
            .where(messages.c.session_id == session.id, messages.c.chat == chat, messages.c.from_me.is_(False))
            .order_by(*NEWEST_FIRST)
            .limit(UNREAD_AT_MOST)
        ).all()
    return chat, [row for row in reversed(found) if row.status == "received"]
