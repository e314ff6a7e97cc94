"""From what a caller wants sent to its outbox row: the parts that all kinds share."""

from collections.abc import Callable
from typing import Any

from flashapi.errors import InvalidInput
from flashapi.outbox_states import NewSend
from flashapi.services import history, outbox
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row

GROUP = "@g.us"

Deliver = Callable[[Backend, Row, NewSend], dict[str, Any]]


def submit(
    backend: Backend,
    session: Row,
    action: str,
    content: dict[str, Any],
    *,
    to: str,
    delay: int,
    use_queue: bool,
    send_at: int | None = None,
    priority: int = 0,
    mentions: list[str] | None = None,
    mention_all: bool = False,
    quoted: str | None = None,
    deliver: Deliver | None = None,
) -> dict[str, Any]:
    """Send now, or accept into the queue. `content` is what the worker's builder of `action` takes; `send_at` is in ms.

    `deliver` takes the finished send instead, as the bulk route wants it. Raises what `outbox.send` raises, and
    InvalidInput where nobody can be mentioned or the quoted message is unknown.
    """
    outbox.require_ready(backend, session, queued=use_queue)
    payload = dict(content)
    if mentions is not None:
        payload["mentions"] = mentions
    if mention_all:
        if not to.endswith(GROUP):
            raise InvalidInput("mentionAll só vale para grupos")
        payload["mention_all"] = True
    if quoted:
        if history.find(backend, session, quoted) is None:
            raise InvalidInput(f"quoted: mensagem {quoted} não encontrada")
        payload["quoted"] = quoted
    if use_queue:
        new = NewSend(
            action=action,
            recipient=to,
            payload=payload,
            delay_ms=delay,
            due_at=send_at or 0,
            priority=priority,
            request_id=request_id(),
        )
        return (deliver or outbox.enqueue)(backend, session, new)
    sent = outbox.send(backend, session, outbox.direct(action, to, payload, delay))
    if to.endswith(GROUP) and "key" in sent:
        sent["key"]["participant"] = f"{session.phone}@s.whatsapp.net"
    return sent
