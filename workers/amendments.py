"""Messages that change another one: an edit gives it a new content, a revocation takes it back."""

import json
from typing import Any

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message, ProtocolMessage

from flashapi.chat_events import MessageEdited, MessageRevoked
from flashapi.events import MessageStatus, Person
from flashapi.group_metadata import is_admin
from flashapi.models.base import now_ms
from flashapi.models.groups import groups
from flashapi.models.messages import NEWEST_FIRST, messages
from workers.from_whatsapp import content_kind, message_json, text_of


def unwrapped(message: Message) -> Message:
    """The message inside the envelope that edits are sent in; whatsmeow takes it off those that come in."""
    return message.editedMessage.message if message.HasField("editedMessage") else message


def apply(
    connection: sa.Connection,
    session_id: str,
    *,
    chat: str,
    sender: Person,
    from_me: bool,
    timestamp: int,
    message: Message,
) -> MessageEdited | MessageRevoked | None:
    """Change the message that `message` speaks of. None if it speaks of none, of an unknown one, or of somebody
    else's that its sender has no say in."""
    protocol = message.protocolMessage
    if not message.HasField("protocolMessage"):
        return None
    row = connection.execute(
        sa.select(messages)
        .where(
            messages.c.session_id == session_id,
            messages.c.message_id == protocol.key.ID,
            messages.c.chat == chat,
            messages.c.revoked_at.is_(None),
        )
        .order_by(*NEWEST_FIRST)
        .limit(1)
    ).first()
    if row is None:
        return None
    by_its_sender = from_me if row.from_me else row.sender in (sender.jid, sender.lid)
    named = {
        "id": row.message_id,
        "chat": row.chat,
        "from_me": bool(row.from_me),
        "participant": row.sender if row.is_group else None,
        "status": MessageStatus(row.status),
    }
    if protocol.type == ProtocolMessage.Type.REVOKE and (
        by_its_sender or (row.is_group and (from_me or _rules(connection, session_id, chat, sender)))
    ):
        connection.execute(messages.update().where(messages.c.id == row.id).values(revoked_at=now_ms()))
        return MessageRevoked(by=sender, **named)
    if protocol.type == ProtocolMessage.Type.MESSAGE_EDIT and by_its_sender:
        return _edit(connection, row, protocol.editedMessage, timestamp, named)
    return None


def _rules(connection: sa.Connection, session_id: str, group: str, who: Person) -> bool:
    """Whether somebody may take back what others wrote in a group, as its admins may.

    WhatsApp's servers can't see what is inside a message, so it is for each recipient to check. Of a group that isn't
    stored nobody is known to be an admin: a message that goes on being shown does less harm than one that anybody can
    have made disappear.
    """
    group_row = (
        connection.execute(
            sa.select(groups.c.participants).where(groups.c.session_id == session_id, groups.c.jid == group)
        )
        .mappings()
        .first()
    )
    return group_row is not None and is_admin(group_row, jid=who.jid, lid=who.lid)


def _edit(
    connection: sa.Connection, row: Any, edited: Message, timestamp: int, named: dict[str, Any]
) -> MessageEdited | None:
    kind = content_kind(edited)
    if kind is None:
        return None
    shown = message_json(edited)
    raw = Message()
    raw.CopyFrom(edited)
    if row.raw:  # the secret stays that of the first version
        raw.messageContextInfo.CopyFrom(Message.FromString(row.raw).messageContextInfo)
    content = {**json.loads(row.content), "message": shown}
    connection.execute(
        messages.update()
        .where(messages.c.id == row.id)
        .values(
            type=kind,
            content=json.dumps(content, ensure_ascii=False),
            raw=raw.SerializeToString(),
            edited_at=now_ms(),
        )
    )
    return MessageEdited(kind=kind, content=text_of(edited, kind), message=shown, timestamp=timestamp, **named)
