"""Who a WebSocket client is and what it may hear, from headers or from an `auth` message, in the original's words."""

import hmac
import json
from dataclasses import dataclass
from typing import Any

from flask import current_app, request

from flashapi.api.current import backend
from flashapi.api.keys import apikey, digest
from flashapi.api.limits import Limiter
from flashapi.errors import DatabaseUnavailable, TooManyRequests, Unauthorized
from flashapi.schemas.texts import is_encodable
from flashapi.services import sessions

NORMAL = 1000
"""The code the original closes with, whatever the reason."""
MODES = ("global", "client")

HEADERS_MISSING = "Dados faltando no headers ex: {apikey: <sua apikey>, modo: <global ou client>, events: []}"
MODE_UNKNOWN = "modo deve ser global ou client"
MODE_MISSING = "paramentro modo e obrigatorio e deve ser global ou client"
EVENTS_INVALID = "paramentro events deve ser um array valido"
LAST_EVENT_INVALID = "paramentro lastEventId deve ser um texto valido"
SECRET_MISSING = "paramentro secret e obrigatorio"
SECRET_WRONG = "WebSocket secret inválido"
FAILED = "Erro na autenticação"


class Refused(Exception):
    """The client is not let in; the text says why. After a final one it may not try again."""

    def __init__(self, reason: str, *, final: bool = False, code: int = NORMAL) -> None:
        self.reason = reason
        self.final = final
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True)
class Subscription:
    """One session's events, or with no session those of all; of these the named ones, as the client gave them."""

    session_id: str | None
    key_hash: str | None
    events: tuple[Any, ...]
    last_event_id: str | None = None
    """The last event the client has got: it wants those since."""


def has_headers() -> bool:
    """Whether the upgrade request chose the header form."""
    return any(request.headers.get(name) for name in ("apikey", "modo", "events"))


def by_headers() -> Subscription:
    """The subscription of a client that put all it has to say into headers. Raises Refused."""
    secret, mode, listed = apikey(), request.headers.get("modo", ""), request.headers.get("events", "")
    if not (secret and mode and listed):
        raise Refused(HEADERS_MISSING)
    if mode not in MODES:
        raise Refused(MODE_UNKNOWN)
    try:
        events = json.loads(listed)
    except (ValueError, RecursionError):
        raise Refused(EVENTS_INVALID) from None
    return _subscription(secret, mode, events, request.headers.get("last-event-id"))


def by_message(message: dict[str, Any]) -> Subscription:
    """The subscription asked for by `{type: "auth", secret, modo, events, lastEventId?}`. Raises Refused."""
    secret, mode = message.get("secret"), message.get("modo")
    if not isinstance(secret, str) or not secret:
        raise Refused(SECRET_MISSING)
    if mode not in MODES:
        raise Refused(MODE_MISSING)
    return _subscription(secret, mode, message.get("events"), message.get("lastEventId"))


def _subscription(secret: str, mode: str, events: Any, last_event_id: Any) -> Subscription:
    if not isinstance(events, list) or not _can_go_out(events):
        raise Refused(EVENTS_INVALID)
    if not is_encodable(str(last_event_id)):
        raise Refused(LAST_EVENT_INVALID)
    limiter: Limiter = current_app.extensions[Limiter.EXTENSION]
    session_id = key_hash = None
    try:
        if mode == "client":
            session = sessions.with_key(backend(), secret)
            if session is None:
                limiter.refuse_key(Unauthorized(SECRET_WRONG))
            session_id, key_hash = session.id, session.key_hash
        elif not _is_global_secret(secret):
            limiter.refuse_key(Unauthorized(SECRET_WRONG))
    except TooManyRequests as error:
        raise Refused(error.message, final=True) from error
    except Unauthorized as error:
        raise Refused(error.message) from error
    except DatabaseUnavailable as error:
        raise Refused(FAILED) from error
    limiter.know(secret)
    return Subscription(session_id, key_hash, tuple(events), str(last_event_id) if last_event_id else None)


def _can_go_out(events: list[Any]) -> bool:
    """Whether a frame can repeat it."""
    try:
        return is_encodable(json.dumps(events, ensure_ascii=False))
    except RecursionError:
        return False


def _is_global_secret(secret: str) -> bool:
    expected = backend().settings.websocket_secret
    return bool(expected) and hmac.compare_digest(digest(secret), digest(expected))
