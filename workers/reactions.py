"""What a session does by itself about what it receives: it marks messages as read and refuses calls, if so configured.

Only live: what is replayed from a journal was reacted to, or is over.
"""

from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa
import structlog
from neonize.exc import NeonizeError
from neonize.proto import Neonize_pb2 as wire
from neonize.utils.enum import ReceiptType

from flashapi import bus
from flashapi.connections import Connections
from flashapi.errors import SessionNotConnected
from flashapi.events import MessageReceived
from flashapi.models.messages import messages
from flashapi.models.sessions import sessions
from workers import auto_reply, chat_rows, from_whatsapp, store_calls
from workers.clients import CODES, Client
from workers.waiting import persistently

log = structlog.get_logger()

_OPTIONS = [
    sessions.c[name] for name in ("auto_read", "ignore_groups", "reject_calls", "reject_calls_text")
]


class Session(Protocol):
    """Whose reactions they are."""

    session_id: str
    row: Any

    def connected_client(self) -> Client | None:
        """The client, while it is logged in."""


def reaction_to(session: Session, connections: Connections, code: int, raw: bytes) -> Callable[[], None] | None:
    """What to do about this event, None for most. Whether that is still wanted is seen when it is done."""
    if code == CODES[wire.Message] and session.row.auto_read:
        return lambda: _read(session, connections, raw)
    if code == CODES[wire.CallOffer] and session.row.reject_calls:
        return lambda: _reject(session, connections, raw)
    return None


def _options(session: Session, connections: Connections) -> Any:
    """The session's options as they are now; the row it was given may be a moment older. None if it is deleted."""

    def read() -> Any:
        with connections.reading() as connection:
            return connection.execute(sa.select(*_OPTIONS).where(sessions.c.id == session.session_id)).one_or_none()

    return persistently(read)


def _read(session: Session, connections: Connections, raw: bytes) -> None:
    options = _options(session, connections)
    if options is None or not options.auto_read:
        return
    source = wire.Message.FromString(raw).Info.MessageSource
    for event in from_whatsapp.message_events(raw):
        if event.from_me or (event.is_group and options.ignore_groups):
            continue
        if not _call(session, "mark_read", event.id, chat=source.Chat, sender=source.Sender, receipt=ReceiptType.READ):
            return
        persistently(lambda event=event: _note_read(session, connections, event))  # type: ignore[misc]


def _note_read(session: Session, connections: Connections, event: MessageReceived) -> None:
    with connections.transaction() as connection:
        connection.execute(
            messages.update()
            .where(
                messages.c.session_id == session.session_id,
                messages.c.message_id == event.id,
                messages.c.chat == event.chat,
                messages.c.from_me.is_(False),
            )
            .values(status="read")
        )
        update = chat_rows.note_read(connection, session.session_id, event.chat)
        told = [bus.record(connection, session.session_id, session.row.name, update)] if update else []
    bus.announce(connections.redis, told)


def _reject(session: Session, connections: Connections, raw: bytes) -> None:
    """Refuse the call, then send its caller the session's text."""
    options = _options(session, connections)
    if options is None or not options.reject_calls:
        return
    call = store_calls.call_of(CODES[wire.CallOffer], raw)
    meta = wire.CallOffer.FromString(raw).basicCallMeta
    caller = meta.callCreator if meta.callCreator.User else getattr(meta, "from")
    if call.offline or not _call(session, "reject_call", caller, call.id):
        return
    rejected = store_calls.rejection_of(call)

    def write() -> list[bus.Recorded]:
        with connections.transaction() as connection:
            event = store_calls.advance(connection, session.session_id, rejected)
            if event is None:
                return []
            if options.reject_calls_text:
                to = call.caller.preferred
                auto_reply.queue_text(connection, session.session_id, to, options.reject_calls_text)
            return [bus.record(connection, session.session_id, session.row.name, event)]

    bus.announce(connections.redis, persistently(write))


def _call(session: Session, name: str, *arguments: Any, **keywords: Any) -> bool:
    client = session.connected_client()
    if client is None:
        return False
    try:
        client.call(name, *arguments, **keywords)
    except (NeonizeError, SessionNotConnected) as error:
        log.warning("reaction_failed", session=session.session_id, reaction=name, error=str(error))
        return False
    return True
