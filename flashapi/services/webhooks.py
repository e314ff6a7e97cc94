"""The session's webhook as the contract has it: the one rule for creation and configuration.

It is an endpoint like those of `/api/webhook`, in a slot of which each session has one.
"""

from typing import Any

import sqlalchemy as sa

from flashapi.addresses import OutgoingRefused
from flashapi.errors import InvalidInput
from flashapi.models.base import now_ms
from flashapi.models.events import EndpointKind, endpoints
from flashapi.services.backend import Backend

INVALID = "URL do webhook inválida"
REMOVED: dict[str, Any] = {"enabled": False, "slot": None}
"""With `removed_at`, what makes an endpoint one that nobody sees any more."""


def check(backend: Backend, url: str) -> None:
    """Raise InvalidInput for an address that nothing can be delivered to."""
    try:
        backend.fetcher.check_url(url)
    except OutgoingRefused as error:
        known = str(error).startswith("URL inválida")
        raise InvalidInput(INVALID if known else f"{INVALID} (webhookUrl): {error}") from None


def save(connection: sa.Connection, session_id: str, url: str | None, events: list[str] | None, enabled: bool) -> None:
    """Make it the session's webhook: `events` None means all. Without a URL the session has none."""
    ours, moment = endpoints.c.slot == _slot(session_id), now_ms()
    if not url:
        connection.execute(endpoints.update().where(ours).values({**REMOVED, "removed_at": moment}))
        return
    # JSON null would be a value of its own, unlike SQL's: None has to be told apart.
    values: dict[str, Any] = {"url": url, "events": sa.null() if events is None else events, "enabled": enabled}
    # Configured anew, it gets another chance.
    fresh = {"paused_at": None, "pause_reason": None, "failing_since": None, "updated_at": moment}
    if not connection.execute(endpoints.update().where(ours).values(**fresh, **values)).rowcount:
        row = {"session_id": session_id, "kind": EndpointKind.CONTRACT, "slot": _slot(session_id), **values}
        connection.execute(endpoints.insert().values({**row, "created_at": moment, "updated_at": moment}))


def of(connection: sa.Connection, session_id: str) -> Any:
    """The session's webhook, None without one."""
    return connection.execute(sa.select(endpoints).where(endpoints.c.slot == _slot(session_id))).first()


def _slot(session_id: str) -> str:
    return f"{EndpointKind.CONTRACT}:{session_id}"
