"""A received message into the tables, and all that follows from it: the chat, a vote, an edit, an automatic answer."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus
from flashapi.chat_events import MessageUndecryptable
from flashapi.events import ContactsUpdate, Event, MessageReceived, MessageStatus, Person, message_key
from workers import amendments, auto_reply, chat_rows, contact_rows, people, poll_votes
from workers.message_rows import UNDECRYPTABLE, Insertion, insert_message

UNCOUNTED = ("reactionMessage", "protocolMessage", "pollUpdateMessage")
"""Kinds that no phone counts as unread."""


def store(connection: sa.Connection, session: Any, event: MessageReceived) -> list[bus.Recorded]:
    """Store a message; gives what is to be announced, nothing if it was stored before or the session ignores it."""
    if event.is_group and session.ignore_groups:
        return []
    message = Message.FromString(event.raw)
    vote = None
    if event.kind == "pollUpdateMessage":
        vote = poll_votes.open_vote(connection, session, event.chat, event.sender, message)
        event = _with_vote(event, message, vote)
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
    if added is Insertion.KNOWN:
        return []
    if vote is not None:
        voted_at = message.pollUpdateMessage.senderTimestampMS or event.timestamp * 1_000
        poll_votes.count(connection, session.id, vote, event.sender, voted_at)
    told = replace(event, recovered=True) if added is Insertion.RECOVERED else event
    following = _follow(connection, session, event, message, counted=added is Insertion.NEW)
    return [bus.record(connection, session.id, session.name, each) for each in (told, *following)]


def store_undecryptable(connection: sa.Connection, session: Any, event: MessageUndecryptable) -> list[bus.Recorded]:
    """Keep the place of a message that can't be read, and tell of it once."""
    if event.is_group and session.ignore_groups:
        return []
    key = message_key(event.id, event.chat, event.from_me, event.sender.preferred if event.is_group else None)
    added = insert_message(
        connection,
        session.id,
        chat=event.chat,
        sender=event.sender.preferred,
        message_id=event.id,
        from_me=event.from_me,
        is_group=event.is_group,
        type=UNDECRYPTABLE,
        content=json.dumps({"key": key, "messageTimestamp": event.timestamp, "message": None}),
        raw=b"",
        status=MessageStatus.RECEIVED.value,
        timestamp=event.timestamp,
    )
    if added is not Insertion.NEW:
        return []
    told: list[Event] = [event]
    chat = chat_rows.note_message(
        connection, session.id, event.chat, timestamp=event.timestamp, from_me=event.from_me, unread=True
    )
    return [bus.record(connection, session.id, session.name, each) for each in (*told, *([chat] if chat else []))]


def _with_vote(event: MessageReceived, message: Message, vote: poll_votes.Vote | None) -> MessageReceived:
    details = {**event.details, **poll_votes.as_details(message.pollUpdateMessage.pollCreationMessageKey.ID, vote)}
    if vote is None:
        return replace(event, details=details)
    shown = poll_votes.as_message(event.message, vote.options)
    return replace(event, details=details, message=shown)


def _follow(
    connection: sa.Connection, session: Any, event: MessageReceived, message: Message, *, counted: bool
) -> Iterator[Event]:
    """The events that come with a message."""
    chat = chat_rows.note_message(
        connection,
        session.id,
        event.chat,
        timestamp=event.timestamp,
        from_me=event.from_me,
        unread=counted and event.kind not in UNCOUNTED,
        name=None if event.from_me or event.is_group else event.push_name,
    )
    if chat is not None:
        yield chat
    amended = amendments.apply(
        connection,
        session.id,
        chat=event.chat,
        sender=_named_in_full(connection, session, event.sender, message),
        from_me=event.from_me,
        timestamp=event.timestamp,
        message=message,
    )
    if amended is not None:
        yield amended
    yield from _meet_sender(connection, session, event)
    auto_reply.answer(connection, session, event)


def _named_in_full(connection: sa.Connection, session: Any, sender: Person, message: Message) -> Person:
    """Whoever changes a message by both names: it was stored under one of them."""
    if not message.HasField("protocolMessage") or (sender.jid and sender.lid):
        return sender
    return people.names(connection, session, [sender.preferred]).get(sender.preferred, sender)


def _meet_sender(connection: sa.Connection, session: Any, message: MessageReceived) -> Iterator[Event]:
    """Keep both names of whoever wrote, and what they call themselves."""
    who = message.sender
    people.learn(connection, session, [who])
    if message.from_me or not who.preferred:
        return
    if contact_rows.note(connection, session.id, who, push_name=message.push_name):
        yield ContactsUpdate(person=who, changes={"notify": message.push_name})
