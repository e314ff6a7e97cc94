"""From what a caller wants sent to its outbox row: the parts that all kinds share."""

from typing import Any

from flashapi.errors import InvalidInput
from flashapi.services import history, outbox
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row

GROUP = "@g.us"


def submit(
    backend: Backend,
    session: Row,
    action: str,
    content: dict[str, Any],
    *,
    to: str,
    delay: int,
    use_queue: bool,
    mentions: list[str] | None = None,
    mention_all: bool = False,
    quoted: str | None = None,
) -> dict[str, Any]:
    """Send now, or accept into the queue. `content` is what the worker's builder of `action` takes.

    Raises what `outbox.send` raises, and InvalidInput where nobody can be mentioned or the quoted message is unknown.
    """
    outbox.require_ready(backend, session, queued=use_queue)
    payload = {"to": to, **content}
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
    deliver = outbox.enqueue if use_queue else outbox.send
    sent = deliver(backend, session, action, payload, delay)
    if to.endswith(GROUP) and "key" in sent:
        sent["key"]["participant"] = f"{session.phone}@s.whatsapp.net"
    return sent
