"""One call of an endpoint: the event's body, signed, posted to its URL; what came of it. Used by lines and by tests."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import structlog

from flashapi import frames
from flashapi.bus import Recorded
from flashapi.models.base import now_ms
from flashapi.outgoing import Fetcher, OutgoingFailed, OutgoingRefused
from flashapi.webhooks import secrets
from flashapi.webhooks.signature import signed_headers

log = structlog.get_logger()

TIMEOUT_SECONDS = 10.0
RESPONSE_LENGTH = 500
ERROR_LENGTH = 500
LONGEST_RETRY_AFTER_SECONDS = 600.0
UNEXPECTED = "Falha inesperada na entrega"
HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "flash-Multi-Session-Webhook/1.0",
    "Accept": "application/json, text/plain, */*",
}
"""The original's."""
_RESERVED = (
    "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "te", "trailer",
    "upgrade", "webhook-id", "webhook-timestamp", "webhook-signature",
)  # fmt: skip
_OURS = frozenset(_RESERVED) | {name.lower() for name in HEADERS}


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a call goes and how it is made up."""

    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What one call came to. Times are in the unit their name ends in."""

    at: int
    duration_ms: int = 0
    status_code: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after_seconds: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether the endpoint has taken it."""
        return self.error is None

    @property
    def gone(self) -> bool:
        """Whether the endpoint asks never to be called again."""
        return self.status_code == HTTPStatus.GONE


def destination_of(server_key: str, endpoint: Any) -> Destination:
    """Where this row of `endpoints` is called, with the secrets that sign now. Raises secrets.CannotOpen."""
    signing = secrets.valid_secrets(server_key, endpoint.secret, endpoint.previous_secrets)
    return Destination(url=endpoint.url, headers=endpoint.headers or {}, secrets=signing)


def call(fetcher: Fetcher, destination: Destination, event: Recorded) -> Attempt:
    """Post the event once, within TIMEOUT_SECONDS. Whatever the endpoint does comes back as an attempt.

    What can't be recorded would be posted again and again, without a pause between.
    """
    began, clock = now_ms(), time.monotonic()
    body = frames.webhook_body(event)
    theirs = {name: value for name, value in destination.headers.items() if name.lower() not in _OURS}
    ours = signed_headers(event.id, began // 1_000, body, destination.secrets)
    try:
        answer = fetcher.post(
            destination.url, body=body, headers={**theirs, **HEADERS, **ours}, timeout=TIMEOUT_SECONDS
        )
    except (OutgoingFailed, OutgoingRefused) as failed:  # an address refused now may be a name that was diverted
        return Attempt(at=began, duration_ms=_since(clock), error=_text(failed.message, ERROR_LENGTH))
    except Exception:  # http.client raises ValueError and others for some answers; seen: a chunk of negative size
        log.exception("webhook_call_failed")
        return Attempt(at=began, duration_ms=_since(clock), error=UNEXPECTED)
    return Attempt(
        at=began,
        duration_ms=_since(clock),
        status_code=answer.status,
        error=None if 200 <= answer.status < 300 else f"HTTP {answer.status}",
        response=_text(answer.content[: RESPONSE_LENGTH * 4].decode(errors="replace"), RESPONSE_LENGTH) or None,
        retry_after_seconds=_retry_after(answer.headers.get("retry-after", "")),
    )


def is_reserved(header: str) -> bool:
    """Whether a custom header would get in the way of ours."""
    return header.lower() in _OURS


def _since(clock: float) -> int:
    return round((time.monotonic() - clock) * 1_000)


def _text(text: str, length: int) -> str:
    """Its beginning, as every database takes it: no NUL, no lone surrogates."""
    return text.replace("\0", "")[:length].encode(errors="replace").decode()


def _retry_after(header: str) -> float:
    """The seconds an answer asks to wait, in either of HTTP's forms; 0 where it doesn't, never more than the limit."""
    try:
        seconds = _seconds_until(header)
    except Exception:  # email.utils promises ValueError, but overflows at an offset of many digits
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS) if seconds == seconds else 0.0


def _seconds_until(header: str) -> float:
    try:
        return float(header)
    except ValueError:
        moment = parsedate_to_datetime(header)
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
