"""The session's row as those read it who store what it has received."""

from typing import Any

import sqlalchemy as sa

from flashapi.models.sessions import Wanted, sessions

_READ = [
    sessions.c[name]
    for name in (
        "id", "name", "mode", "phone", "lid", "last_event_at", "ignore_groups", "auto_reply", "auto_reply_text",
    )
]  # fmt: skip


def living(connection: sa.Connection, session_id: str) -> Any:
    """The session; None once it is deleted, or is to be."""
    return connection.execute(
        sa.select(*_READ).where(sessions.c.id == session_id, sessions.c.wanted != Wanted.DELETED)
    ).one_or_none()
