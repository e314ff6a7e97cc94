"""Many sends in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flashapi.errors import FlashAPIError
from flashapi.outbox_states import NewSend
from flashapi.services import idempotency, outbox, sends
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row


@dataclass(frozen=True)
class Message:
    """One of them: its name in complaints, the service that makes a send of it, what that is called with."""

    where: str
    make: Callable[..., Any]
    keywords: dict[str, Any]


def send(backend: Backend, session: Row, messages: list[Message]) -> list[dict[str, Any]]:
    """Accept all of them into the queue, or none. Raises what the services raise, naming the message."""
    return sends.serve_once(backend, session, lambda: _prepare_and_accept(backend, session, messages))


def _prepare_and_accept(backend: Backend, session: Row, messages: list[Message]) -> list[dict[str, Any]]:
    outbox.require_ready(backend, session, queued=True)
    made: list[NewSend] = []

    def collect(_backend: Backend, _session: Row, new: NewSend) -> dict[str, Any]:
        made.append(new)
        return {"queued": True}

    with idempotency.serving(None):  # the key is that of the whole request
        for message in messages:
            try:
                message.make(backend, session, **message.keywords, deliver=collect)
            except FlashAPIError as error:
                raise type(error)(f"{message.where}: {error.message}", **error.details) from error
    return outbox.enqueue_all(backend, session, made)
