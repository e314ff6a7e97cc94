"""Everything a session can tell the world: one frozen dataclass per fact.

`data()` gives the contract's JSON for WebSocket frames and webhooks alike; strings appear only here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from flashapi.media.facts import media_of


class EventType(StrEnum):
    """The vocabulary, as clients subscribe to it."""

    QR_UPDATED = "qr_updated"
    SESSION_CONNECTED = "session_connected"
    SESSION_DISCONNECTED = "session_disconnected"
    MESSAGE_RECEIVED = "message_received"
    MESSAGE_UPDATE = "message_update"
    PRESENCE_UPDATE = "presence_update"
    CONTACTS_UPDATE = "contacts_update"
    GROUPS_UPDATE = "groups_update"
    GROUP_PARTICIPANTS_UPDATE = "group_participants_update"
    MESSAGE_UNDECRYPTABLE = "message_undecryptable"
    CHATS_UPDATE = "chats_update"
    CALL = "call"
    MESSAGING_HISTORY_SET = "messaging_history_set"
    QUEUE_UPDATE = "queue_update"
    SESSION_RESTRICTED = "session_restricted"
    WEBHOOK_PAUSED = "webhook_paused"
    WEBHOOK_TEST = "webhook_test"


class MessageStatus(StrEnum):
    """How far a message has come."""

    RECEIVED = "received"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"


STATUS_NUMBER = {MessageStatus.SENT: 2, MessageStatus.DELIVERED: 3, MessageStatus.READ: 4, MessageStatus.PLAYED: 5}
"""Baileys' WebMessageInfo.Status numbers, which the original's clients read."""


@dataclass(frozen=True, kw_only=True)
class Event(ABC):
    """A fact about one session."""

    type: ClassVar[EventType]

    @abstractmethod
    def data(self) -> Any:
        """The event's JSON, in the contract's names."""


@dataclass(frozen=True, kw_only=True)
class QRUpdated(Event):
    """Emitted when a new QR code (or pairing code) is to be shown."""

    type = EventType.QR_UPDATED
    qr: str | None
    code: str | None = None

    def data(self) -> dict[str, Any]:
        return {"qr": self.qr, "code": self.code}


@dataclass(frozen=True, kw_only=True)
class SessionConnected(Event):
    """Emitted when a session has logged in and can send."""

    type = EventType.SESSION_CONNECTED
    phone: str
    jid: str
    lid: str | None
    name: str | None

    def data(self) -> dict[str, Any]:
        return {"phoneNumber": self.phone, "user": {"id": self.jid, "lid": self.lid, "name": self.name}}


@dataclass(frozen=True, kw_only=True)
class SessionDisconnected(Event):
    """Emitted when a session has lost its connection or ended its attempt, with the reason."""

    type = EventType.SESSION_DISCONNECTED
    reason: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody, by both of WhatsApp's names; either may be unknown."""

    jid: str | None
    lid: str | None

    @property
    def preferred(self) -> str:
        """The phone JID where known, else the LID."""
        return self.jid or self.lid or ""


def message_key(message_id: str, chat: str, from_me: bool, participant: str | None = None) -> dict[str, Any]:
    """What names a message in the original's JSON (Baileys' WAMessageKey); the participant, in groups, wrote it."""
    key: dict[str, Any] = {"remoteJid": chat, "fromMe": from_me, "id": message_id}
    if participant:
        key["participant"] = participant
    return key


def message_names(message_id: str, chat: str, from_me: bool) -> dict[str, Any]:
    """The flat fields by which each `message_update` says which message it is about."""
    return {"id": message_id, "chat": chat, "jid": chat, "fromMe": from_me}


@dataclass(frozen=True, kw_only=True)
class MessageReceived(Event):
    """Emitted when a message reaches the session, its own phone's messages included."""

    type = EventType.MESSAGE_RECEIVED
    id: str
    chat: str
    sender: Person
    from_me: bool
    is_group: bool
    push_name: str | None
    timestamp: int
    kind: str
    content: str
    message: dict[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    """What is particular to its kind, what it quotes and mentions; flat beside the contract's fields."""
    recovered: bool = False
    """Whether it was told of before as undecryptable."""
    backfilled: bool = False
    """Whether it was sent while the session was away."""
    raw: bytes = b""
    """WhatsApp's protobuf, kept with the message; not part of the event's JSON."""

    def data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "from": self.chat,
            "timestamp": self.timestamp,
            "type": self.kind,
            "content": self.content,
            "fromMe": self.from_me,
            "isGroup": self.is_group,
            "pushName": self.push_name,
            "sender": self.sender.jid,
            "senderLid": self.sender.lid,
            **(media_of(self.message) or {}),
            **self.details,
            **({"recovered": True} if self.recovered else {}),
            **({"backfilled": True} if self.backfilled else {}),
            "message": self.web_message(),
        }

    def web_message(self) -> dict[str, Any]:
        """The message in the shape the original sends (Baileys' WAMessage)."""
        participant = self.sender.preferred if self.is_group else None
        return {
            "key": message_key(self.id, self.chat, self.from_me, participant),
            "messageTimestamp": self.timestamp,
            "pushName": self.push_name,
            "broadcast": self.chat.endswith("@broadcast"),
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True)
class MessageUpdate(Event):
    """Emitted when a message's status has moved on: delivered, read, played, or sent after doubt."""

    type = EventType.MESSAGE_UPDATE
    id: str
    chat: str
    from_me: bool
    status: MessageStatus
    participant: str | None = None

    def data(self) -> dict[str, Any]:
        key = message_key(self.id, self.chat, self.from_me, self.participant)
        return {
            **message_names(self.id, self.chat, self.from_me),
            "status": self.status.value,
            "update": {"key": key, "update": {"status": STATUS_NUMBER[self.status]}},
        }


@dataclass(frozen=True, kw_only=True)
class PresenceUpdate(Event):
    """Emitted when somebody comes, goes, types or records."""

    type = EventType.PRESENCE_UPDATE
    chat: str
    person: Person
    presence: str  # available | unavailable | composing | recording | paused
    last_seen: int | None = None

    def data(self) -> dict[str, Any]:
        seen: dict[str, Any] = {"lastKnownPresence": self.presence}
        if self.last_seen:
            seen["lastSeen"] = self.last_seen
        return {
            "jid": self.chat,
            "presences": {self.person.preferred: seen},
            "sender": self.person.jid,
            "senderLid": self.person.lid,
        }


@dataclass(frozen=True, kw_only=True)
class ContactsUpdate(Event):
    """Emitted when somebody's name or picture has changed; `changes` hold Baileys' fields (notify, imgUrl, ...)."""

    type = EventType.CONTACTS_UPDATE
    person: Person
    changes: dict[str, Any]

    def data(self) -> list[dict[str, Any]]:
        return [{"id": self.person.preferred, "jid": self.person.jid, "lid": self.person.lid, **self.changes}]


@dataclass(frozen=True, kw_only=True)
class GroupsUpdate(Event):
    """Emitted when the session is in a new group, or one of its groups has changed; `changes` as in GroupMetadata."""

    type = EventType.GROUPS_UPDATE
    group: str
    author: Person | None
    changes: dict[str, Any]

    def data(self) -> list[dict[str, Any]]:
        return [{"id": self.group, **self.changes, **_author(self.author)}]


@dataclass(frozen=True, kw_only=True)
class GroupParticipantsUpdate(Event):
    """Emitted when people come to a group or leave it, become its admins or cease to be."""

    type = EventType.GROUP_PARTICIPANTS_UPDATE
    group: str
    author: Person | None
    people: tuple[Person, ...]
    action: str  # add | remove | promote | demote

    def data(self) -> dict[str, Any]:
        return {
            "id": self.group,
            **_author(self.author),
            "participants": [person.preferred for person in self.people],
            "participantsLid": [person.lid for person in self.people],
            "action": self.action,
        }


def _author(author: Person | None) -> dict[str, Any]:
    return {"author": author.preferred if author else None, "authorLid": author.lid if author else None}
