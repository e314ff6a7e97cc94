"""Events about webhooks themselves."""

from dataclasses import dataclass
from typing import Any

from flashapi.events import Event, EventType
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
    """Delivered to one endpoint that is being tried out, and told to nobody else."""

    type = EventType.WEBHOOK_TEST
    endpoint: int

    def data(self) -> dict[str, Any]:
        return {"webhookId": str(self.endpoint), "message": "Entrega de teste da Flash API"}
