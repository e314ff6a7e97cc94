"""Messages as the API sends them."""

from typing import Any

from flashapi.link_preview import preview_of
from flashapi.services import outbox
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row


def send_text(
    backend: Backend,
    session: Row,
    *,
    to: str,
    text: str,
    mentions: list[str],
    link_preview: bool,
    delay: int,
    use_queue: bool,
) -> dict[str, Any]:
    """Send a text now, or accept it into the queue."""
    outbox.require_ready(backend, session, queued=use_queue)
    preview = preview_of(text, backend.fetcher) if link_preview else None
    payload = {"to": to, "text": text, "mentions": mentions, "preview": preview}
    deliver = outbox.enqueue if use_queue else outbox.send
    return deliver(backend, session, "send_text", payload, delay)
