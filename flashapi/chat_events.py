"""Events about chats and calls: messages edited, taken back or unreadable, chats read, calls, a phone's history."""

from dataclasses import dataclass, field
from typing import Any

from flashapi.events import Event, EventType, MessageStatus, Person, message_key, message_names

REVOKED_STUB = 1
"""Baileys' WebMessageInfo.StubType.REVOKE, which the original's clients read."""


@dataclass(frozen=True, kw_only=True)
class MessageEdited(Event):
    """Emitted when a message has been given a new content."""

    type = EventType.MESSAGE_UPDATE
    id: str
    chat: str
    from_me: bool
    participant: str | None
    status: MessageStatus
    kind: str
    content: str
    message: dict[str, Any]
    timestamp: int

    def data(self) -> dict[str, Any]:
        update = {"message": {"editedMessage": {"message": self.message}}, "messageTimestamp": self.timestamp}
        return {
            **message_names(self.id, self.chat, self.from_me),
            "status": self.status.value,
            "edited": True,
            "type": self.kind,
            "content": self.content,
            "update": {"key": message_key(self.id, self.chat, self.from_me, self.participant), "update": update},
        }


@dataclass(frozen=True, kw_only=True)
class MessageRevoked(Event):
    """Emitted when a message has been deleted for everybody."""

    type = EventType.MESSAGE_UPDATE
    id: str
    chat: str
    from_me: bool
    participant: str | None
    status: MessageStatus
    by: Person

    def data(self) -> dict[str, Any]:
        key = message_key(self.id, self.chat, self.from_me, self.participant)
        return {
            **message_names(self.id, self.chat, self.from_me),
            "status": self.status.value,
            "revoked": True,
            "by": self.by.jid,
            "byLid": self.by.lid,
            "update": {"key": key, "update": {"message": None, "messageStubType": REVOKED_STUB}},
        }


@dataclass(frozen=True, kw_only=True)
class MessageUndecryptable(Event):
    """Emitted when a message came that can't be read; if it is recovered, its `message_received` says so."""

    type = EventType.MESSAGE_UNDECRYPTABLE
    id: str
    chat: str
    sender: Person
    from_me: bool
    is_group: bool
    push_name: str | None
    timestamp: int
    unavailable: bool
    """Its sender never sent it to linked devices (a view-once message, for one): no recovery is to be expected."""

    def data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "from": self.chat,
            "timestamp": self.timestamp,
            "fromMe": self.from_me,
            "isGroup": self.is_group,
            "pushName": self.push_name,
            "sender": self.sender.jid,
            "senderLid": self.sender.lid,
            "unavailable": self.unavailable,
        }


@dataclass(frozen=True, kw_only=True)
class ChatsUpdate(Event):
    """Emitted when a chat is new, has been read, or has come with the phone's history."""

    type = EventType.CHATS_UPDATE
    chats: tuple[dict[str, Any], ...]

    def data(self) -> list[dict[str, Any]]:
        return list(self.chats)


@dataclass(frozen=True, kw_only=True)
class Call(Event):
    """Emitted when somebody calls, and when that call is accepted, refused or over."""

    type = EventType.CALL
    id: str
    caller: Person
    status: str  # offer | accept | reject | terminate
    is_video: bool
    is_group: bool
    date: str
    offline: bool = False

    def data(self) -> list[dict[str, Any]]:
        named = self.caller.preferred
        return [
            {
                "chatId": named,
                "from": named,
                "fromLid": self.caller.lid,
                "id": self.id,
                "date": self.date,
                "offline": self.offline,
                "status": self.status,
                "isVideo": self.is_video,
                "isGroup": self.is_group,
            }
        ]


@dataclass(frozen=True, kw_only=True)
class HistorySet(Event):
    """Emitted when the phone has sent a piece of its history. Of the messages only the newest are in it; all are
    in GET /api/chat/messages."""

    type = EventType.MESSAGING_HISTORY_SET
    chats: tuple[dict[str, Any], ...]
    contacts: tuple[dict[str, Any], ...]
    messages: tuple[dict[str, Any], ...]
    stored: int = field(default=0)

    def data(self) -> dict[str, Any]:
        return {
            "chats": list(self.chats),
            "contacts": list(self.contacts),
            "messages": list(self.messages),
            "stored": self.stored,
        }
