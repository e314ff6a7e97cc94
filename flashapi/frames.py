"""What leaves as text: the WebSocket frames and the webhook body, in the contract's words and formats."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from flashapi import timestamps
from flashapi.bus import Recorded
from flashapi.models import now_ms

CONNECTED = "Conectado ao WebSocket da Flash API."
AUTHENTICATED = "Autenticado com sucesso no WebSocket"
REMEMBERED = 64


def welcome(client_id: str) -> str:
    """The greeting every client gets."""
    return _text(type="welcome", message=CONNECTED, clientId=client_id)


def welcome_authenticated(client_id: str, events: str) -> str:
    """The greeting of a client that authenticated by headers; `events` is its header as it came."""
    return _text(type="welcome", message=AUTHENTICATED, clientId=client_id, events=events)


def auth_success(client_id: str, events: Sequence[Any]) -> str:
    """The answer to a right `auth` message."""
    return _text(type="auth_success", message=AUTHENTICATED, clientId=client_id, events=events)


def pong(client_id: str, timezone: str) -> str:
    """The answer to `ping`."""
    return _text(type="pong", timestamp=timestamps.local(now_ms(), timezone), clientId=client_id)


def error(message: str, **more: Any) -> str:
    """Something the client did wrong."""
    return _text(type="error", message=message, **more)


def replay(last_event_id: str, gone: bool) -> str:
    """What follows was missed. `gone` where the event asked for is no longer kept, so that more may be missing."""
    return _text(type="replay", lastEventId=last_event_id, gone=gone)


def replayed(count: int) -> str:
    """So many events were sent again; from here on they come as they happen."""
    return _text(type="replayed", count=count)


def event(recorded: Recorded, timezone: str) -> str:
    """An event as a WebSocket client gets it."""
    return _text(
        type="event",
        id=recorded.id,
        sessionId=recorded.session_name,
        event=recorded.name,
        data=recorded.data,
        timestamp=timestamps.local(recorded.time, timezone),
    )


def webhook_body(recorded: Recorded) -> bytes:
    """An event as an endpoint gets it."""
    return _text(
        event=recorded.name,
        sessionId=recorded.session_name,
        data=recorded.data,
        timestamp=timestamps.iso(recorded.time),
    ).encode()


class EventFrames:
    """Event frames, written once however many clients they go to. For one thread."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self._written: OrderedDict[str, str] = OrderedDict()

    def text(self, recorded: Recorded) -> str:
        """The frame of this event."""
        text = self._written.get(recorded.id)
        if text is None:
            text = self._written[recorded.id] = event(recorded, self.timezone)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        return text


def _text(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
