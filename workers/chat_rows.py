"""The chats table, kept up with the messages: what is new, what is unread, who wrote last."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from flashapi.chat_events import ChatsUpdate
from flashapi.models.base import now_ms
from flashapi.models.chats import chats

NAME_LONGEST = 255


def note_message(
    connection: sa.Connection,
    session_id: str,
    jid: str,
    *,
    timestamp: int,
    from_me: bool,
    unread: bool,
    name: str | None = None,
) -> ChatsUpdate | None:
    """A message has come or gone in a chat; gives an event where it is the chat's first."""
    this = (chats.c.session_id == session_id, chats.c.jid == jid)
    changes: dict[str, Any] = {"updated_at": now_ms()}
    changes["last_message_at"] = sa.case(
        (chats.c.last_message_at < timestamp, timestamp), else_=chats.c.last_message_at
    )
    if from_me:
        changes["unread"] = 0  # whoever answers has read
    elif unread:
        changes["unread"] = chats.c.unread + 1
    if name:
        changes["name"] = name[:NAME_LONGEST]
    if connection.execute(chats.update().where(*this).values(changes)).rowcount:
        return None
    first = {"name": name and name[:NAME_LONGEST], "unread": int(unread and not from_me), "last_message_at": timestamp}
    if not add_chat(connection, session_id, jid, **first):
        return None
    return ChatsUpdate(
        chats=({"id": jid, "name": first["name"], "unreadCount": first["unread"], "conversationTimestamp": timestamp},)
    )


def add_chat(connection: sa.Connection, session_id: str, jid: str, **columns: Any) -> bool:
    """A new chat; False if another transaction made it at this moment."""
    moment = now_ms()
    row = {"session_id": session_id, "jid": jid, "is_group": jid.endswith("@g.us"), **columns}
    try:
        with connection.begin_nested():
            connection.execute(chats.insert(), {**row, "created_at": moment, "updated_at": moment})
    except IntegrityError:
        return False
    return True


def note_read(connection: sa.Connection, session_id: str, jid: str) -> ChatsUpdate | None:
    """Everything in a chat has been read; gives an event where anything was unread."""
    read = connection.execute(
        chats.update()
        .where(chats.c.session_id == session_id, chats.c.jid == jid, chats.c.unread > 0)
        .values(unread=0, updated_at=now_ms())
    ).rowcount
    return ChatsUpdate(chats=({"id": jid, "unreadCount": 0},)) if read else None
