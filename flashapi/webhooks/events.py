"""Events about webhooks themselves."""

import uuid
from dataclasses import dataclass
from typing import Any

from flashapi.bus import Recorded
from flashapi.events import Event, EventType
from flashapi.models.base import now_ms
from flashapi.timestamps import iso


@dataclass(frozen=True, kw_only=True)
class WebhookPaused(Event):
    """Emitted when an endpoint's line has been stopped: it only failed for hours, or asked never to be called again."""

    type = EventType.WEBHOOK_PAUSED
    endpoint: int
    url: str
    reason: str  # failing | gone
    failing_since: int | None

    def data(self) -> dict[str, Any]:
        since = iso(self.failing_since) if self.failing_since else None
        return {"webhookId": str(self.endpoint), "url": self.url, "reason": self.reason, "failingSince": since}


@dataclass(frozen=True, kw_only=True)
class WebhookTest(Event):
    """Delivered to one endpoint that is being tried out, and told to nobody else.

    As a `probe` nobody asked for it: the endpoint has been silent for minutes, and may have come back.
    """

    type = EventType.WEBHOOK_TEST
    endpoint: int
    probe: bool = False

    def data(self) -> dict[str, Any]:
        message = "Entrega de teste da Flash API"
        return {"webhookId": str(self.endpoint), "message": message, "probe": self.probe}


def unrecorded(told: Event, session_id: str, session_name: str) -> Recorded:
    """An event that stands in no table: its position is 0."""
    return Recorded(
        position=0,
        id=f"evt_{uuid.uuid4().hex}",
        session_id=session_id,
        session_name=session_name,
        name=told.type.value,
        time=now_ms(),
        data=told.data(),
    )
