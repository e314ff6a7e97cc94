"""Rows the tests of session workers start from."""

import secrets
import uuid
from typing import Any

from flashapi import outbox_states
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import outbox
from flashapi.models.sessions import Wanted, sessions


def add_session(connections: Connections, **columns: Any) -> str:
    """A paired sandbox session; its id."""
    session_id = str(uuid.uuid4())
    row = {
        "id": session_id,
        "key_hash": secrets.token_hex(32),
        "name": f"sessao-{session_id[:8]}",
        "mode": "sandbox",
        "shard": 0,
        "paired": True,
        "wanted": Wanted.RUNNING,
        "created_at": now_ms(),
        "updated_at": now_ms(),
    } | columns
    with connections.transaction() as connection:
        connection.execute(sessions.insert(), row)
    return session_id


def add_send(connections: Connections, session_id: str, state: str | None = None, **columns: Any) -> int:
    """A queued text; its id. A `state` is written as it stands, without what belongs to it."""
    send = {"action": "send_text", "recipient": "5511987654321", "payload": {"text": "oi"}} | columns
    with outbox_states.changing(connections) as (connection, changes):
        (row_id,) = outbox_states.accept(connection, changes, session_id, [outbox_states.NewSend(**send)])
        if state is not None:
            connection.execute(outbox.update().where(outbox.c.id == row_id).values(state=state))
    return row_id
