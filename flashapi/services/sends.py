"""From what a caller wants sent to its outbox row: the parts that all kinds share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flashapi.errors import FlashAPIError, InvalidInput, OutcomeUnknown
from flashapi.outbox_states import NewSend
from flashapi.services import history, outbox
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row

Answer = dict[str, Any]
Deliver = Callable[[Backend, Row, NewSend], Answer]
Service = TypeVar("Service", bound=Callable[..., Any])


def once(send: Service) -> Service:
    """Every service that sends: a request made already is answered before anything is asked, fetched or looked up.

    What a send needs may be gone the second time (the connection, a file's URL, a quoted message), but not its outcome.
    """

    @wraps(send)
    def serve(backend: Backend, session: Row, *args: Any, **kwargs: Any) -> Any:
        return serve_once(backend, session, lambda: [send(backend, session, *args, **kwargs)])[0]

    return cast(Service, serve)


def serve_once(backend: Backend, session: Row, make: Callable[[], list[Answer]]) -> list[Answer]:
    """The answers of the first time, if the request being served was made already, else those that `make` gives."""
    answers = outbox.repeated(backend, session)
    if answers is None:
        try:
            return make()
        except OutcomeUnknown:
            raise
        except FlashAPIError:  # perhaps of something that the same request, accepted meanwhile, has used up
            answers = outbox.repeated(backend, session)
            if answers is None:
                raise
    return answers


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
) -> Answer:
    """Send now, or accept into the queue. `content` is what the worker's builder of `action` takes; `send_at` is in ms.

    `deliver` takes the finished send instead, as the bulk route wants it. Raises what `outbox.send` raises, and
    InvalidInput where nobody can be mentioned or the quoted message is unknown.
    """
    outbox.require_ready(backend, session, queued=use_queue)
    payload = dict(content)
    if mentions is not None:
        payload["mentions"] = mentions
    if mention_all:
        if not to.endswith(outbox.GROUP):
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
    return outbox.send(backend, session, outbox.direct(action, to, payload, delay))
