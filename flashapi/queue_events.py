"""What a session tells of its send queue; the other events are in `events` and `chat_events`."""

from dataclasses import dataclass
from typing import Any

from flashapi.events import Event, EventType
from flashapi.timestamps import iso


@dataclass(frozen=True, kw_only=True)
class QueueUpdate(Event):
    """Emitted when a send of the queue changes its state, and when a direct one has come to its end."""

    type = EventType.QUEUE_UPDATE
    id: int
    state: str
    direct: bool
    recipient: str
    chat: str | None
    message_id: str | None
    error: dict[str, Any] | None  # FlashAPIError.to_wire()
    due_at: int
    attempts: int

    def data(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "state": self.state,
            "queued": not self.direct,
            "to": self.recipient,
            "chat": self.chat,
            "messageId": self.message_id,
            "error": self.error and {"code": self.error["error"], "message": self.error["message"]},
            "sendAt": iso(self.due_at) if self.due_at else None,
            "attempts": self.attempts,
        }


@dataclass(frozen=True, kw_only=True)
class SessionRestricted(Event):
    """Emitted when WhatsApp restricts the account: until then nothing goes to chats that never wrote to it."""

    type = EventType.SESSION_RESTRICTED
    code: str
    until: int

    def data(self) -> dict[str, Any]:
        return {"code": self.code, "until": iso(self.until)}
