"""Rows the tests of session workers start from."""

import json
import secrets
import uuid
from typing import Any

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


def add_send(connections: Connections, session_id: str, **columns: Any) -> int:
    """A queued text; its id."""
    row = {
        "session_id": session_id,
        "action": "send_text",
        "payload": json.dumps({"to": "5511987654321", "text": "oi"}),
        "created_at": now_ms(),
    } | columns
    with connections.transaction() as connection:
        return int(connection.execute(outbox.insert(), row).inserted_primary_key[0])  # type: ignore[index]
