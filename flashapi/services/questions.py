"""Questions to WhatsApp, answered by the session's worker."""

from typing import Any

from flashapi.dispatch import Action
from flashapi.errors import SessionNotConnected
from flashapi.models.sessions import State
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row
from flashapi.services.states import look_at


def ask(backend: Backend, session: Row, action: Action, /, **keywords: Any) -> Any:
    """Ask the session's worker. Raises SessionNotConnected where it can only fail."""
    if look_at(backend, session).state is not State.CONNECTED:
        raise SessionNotConnected()
    return backend.dispatcher.ask(
        session.mode, session.shard, session.id, action, request_id=request_id(), **keywords
    )
