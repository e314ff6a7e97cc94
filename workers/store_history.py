"""A piece of the phone's history into the tables: chats and messages of before the session was linked.

Its messages are no `message_received`: they are told of together, once, and only if any of it is news.
"""

import json
from typing import Any

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi.chat_events import HistorySet
from flashapi.events import MessageStatus, Person, message_key
from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.models.messages import messages
from workers import chat_rows, contact_rows, people
from workers.from_whatsapp import content_kind, message_json
from workers.message_rows import Insertion, insert_message

TOLD_AT_MOST = 100
"""Messages in the event, the newest; as many as the original kept of each batch."""
STATUS = {3: MessageStatus.DELIVERED, 4: MessageStatus.READ, 5: MessageStatus.PLAYED}
"""WebMessageInfo.Status of our own messages; lower ones count as sent."""
GROUP = "@g.us"


def store(connection: sa.Connection, session: Any, raw: bytes) -> HistorySet | None:
    """Store it; the event to tell, None if all of it was here before."""
    history = wire.HistorySync.FromString(raw).Data
    pairs = [Person(jid=pair.pnJID, lid=pair.lidJID) for pair in history.phoneNumberToLidMappings]
    people.learn(connection, session.mode, pairs)
    lids = [conversation.ID for conversation in history.conversations if conversation.ID.endswith("@lid")]
    known = people.names(connection, session.mode, lids)
    new_chats: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    stored = 0
    for conversation in history.conversations:
        person = known.get(conversation.ID)
        jid = conversation.pnJID or (person.preferred if person else conversation.ID)
        if jid.endswith(GROUP) and session.ignore_groups:
            continue
        if _add_chat(connection, session, jid, conversation):
            new_chats.append(_shown(jid, conversation))
        # WhatsApp sends them newest first; rows are numbered in the order of time.
        for item in sorted(conversation.messages, key=lambda item: item.message.messageTimestamp):
            message = _add_message(connection, session, jid, item.message)
            if message is not None:
                stored += 1
                told.append(message)
    contacts = _meet(connection, session, history.pushnames)
    if not new_chats and not stored:
        return None
    told.sort(key=lambda message: message["messageTimestamp"])
    return HistorySet(
        chats=tuple(new_chats), contacts=contacts, messages=tuple(told[-TOLD_AT_MOST:]), stored=stored
    )


def _meet(connection: sa.Connection, session: Any, pushnames: Any) -> tuple[dict[str, Any], ...]:
    """Keep what people call themselves. WhatsApp gives each person twice, by the phone JID and by the LID."""
    named = {each.ID: each.pushname for each in pushnames if each.pushname not in ("", "-")}
    known = people.names(connection, session.mode, named)
    for jid, name in named.items():
        contact_rows.note(connection, session.id, known[jid], push_name=name)
    told = {known[jid].preferred: {"lid": known[jid].lid, "notify": name} for jid, name in named.items()}
    return tuple({"id": jid, **facts} for jid, facts in told.items())


def _add_chat(connection: sa.Connection, session: Any, jid: str, conversation: Any) -> bool:
    found = connection.execute(
        sa.select(chats.c.id).where(chats.c.session_id == session.id, chats.c.jid == jid)
    ).first()
    columns = {
        "archived": conversation.archived,
        "pinned": conversation.pinned > 0,
        "muted_until": conversation.muteEndTime or None,
    }
    name = conversation.name or conversation.displayName
    if name:
        columns["name"] = name[: chat_rows.NAME_LONGEST]
    if found is not None:
        connection.execute(chats.update().where(chats.c.id == found.id).values(updated_at=now_ms(), **columns))
        return False
    moments = [item.message.messageTimestamp for item in conversation.messages]
    last = max([conversation.conversationTimestamp, conversation.lastMsgTimestamp, *moments])
    return chat_rows.add_chat(
        connection, session.id, jid, unread=conversation.unreadCount, last_message_at=last, **columns
    )


def _shown(jid: str, conversation: Any) -> dict[str, Any]:
    return {
        "id": jid,
        "name": conversation.name or conversation.displayName or None,
        "unreadCount": conversation.unreadCount,
        "conversationTimestamp": conversation.conversationTimestamp or conversation.lastMsgTimestamp,
        "archived": conversation.archived,
        "pinned": conversation.pinned > 0,
    }


def _add_message(connection: sa.Connection, session: Any, jid: str, item: Any) -> dict[str, Any] | None:
    kind = content_kind(item.message)
    if kind is None or not item.key.ID:
        return None
    if item.key.fromMe:
        sender = f"{session.phone}@s.whatsapp.net"
        ours = (messages.c.session_id == session.id, messages.c.message_id == item.key.ID, messages.c.chat == jid)
        if connection.execute(sa.select(messages.c.id).where(*ours)).first() is not None:
            return None  # sent by us, and stored under whichever of our names WhatsApp answered with
        status = STATUS.get(item.status, MessageStatus.SENT)
    else:
        named = item.participant or item.key.participant if jid.endswith(GROUP) else jid
        sender = people.names(connection, session.mode, [named])[named].preferred if named else jid
        status = MessageStatus.RECEIVED
    shown: dict[str, Any] = {
        "key": message_key(item.key.ID, jid, item.key.fromMe, sender if jid.endswith(GROUP) else None),
        "messageTimestamp": item.messageTimestamp,
        "pushName": item.pushName or None,
        "broadcast": item.broadcast,
        "message": message_json(item.message),
    }
    added = insert_message(
        connection,
        session.id,
        chat=jid,
        sender=sender,
        message_id=item.key.ID,
        from_me=item.key.fromMe,
        is_group=jid.endswith(GROUP),
        type=kind,
        content=json.dumps(shown, ensure_ascii=False),
        raw=item.message.SerializeToString(),
        status=status.value,
        timestamp=item.messageTimestamp,
    )
    return shown if added is not Insertion.KNOWN else None
