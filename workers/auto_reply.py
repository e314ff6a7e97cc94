"""The automatic answer: a queued row of the outbox, written in the transaction that stores what it answers."""

import time
from typing import Any

import sqlalchemy as sa

from flashapi.events import MessageReceived
from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.outbox_states import Changes, NewSend, accept

AGAIN_AFTER_MS = 3_600_000
"""At most one an hour in a chat, so that two automatic answers don't answer each other for ever."""
TOO_OLD_SECONDS = 3_600
"""What waited at WhatsApp for longer, while the session was away, is not answered by a machine any more."""
UNANSWERED = ("reactionMessage", "protocolMessage", "pollUpdateMessage")


def answer(connection: sa.Connection, session: Any, event: MessageReceived) -> bool:
    """Queue the session's automatic answer if it has one and this message is one to answer."""
    if not session.auto_reply or not session.auto_reply_text or event.from_me or event.is_group:
        return False
    if not event.chat.endswith(("@s.whatsapp.net", "@lid")) or event.kind in UNANSWERED:
        return False
    if event.timestamp < time.time() - TOO_OLD_SECONDS:
        return False
    due = connection.execute(
        chats.update()
        .where(
            chats.c.session_id == session.id,
            chats.c.jid == event.chat,
            sa.or_(chats.c.auto_replied_at.is_(None), chats.c.auto_replied_at < now_ms() - AGAIN_AFTER_MS),
        )
        .values(auto_replied_at=now_ms())
    ).rowcount
    if due:
        queue_text(connection, session.id, event.chat, session.auto_reply_text)
    return bool(due)


def queue_text(connection: sa.Connection, session_id: str, to: str, text: str) -> None:
    """A text for the session's queue; its runner looks each second, and so do those who hear of events."""
    send = NewSend(action="send_text", recipient=to, payload={"text": text, "preview": None})
    accept(connection, Changes(), session_id, [send])
