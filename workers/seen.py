"""What a session's owner has seen, written down: the state columns and the event that tells of it, in one transaction."""

from typing import Any

import sqlalchemy as sa

from flashapi import bus
from flashapi.connections import Connections
from flashapi.events import Event
from flashapi.models.base import now_ms
from flashapi.models.sessions import Wanted, sessions


def write_state(
    connections: Connections, session_id: str, epoch: int, events: tuple[Event, ...] = (), **columns: Any
) -> bool:
    """Write what was seen of a session; False if a later owner has written already or the session is gone."""
    moment = now_ms()
    with connections.transaction() as connection:
        written = connection.execute(
            sessions.update()
            .where(sessions.c.id == session_id, sessions.c.state_epoch <= epoch)
            .values(state_epoch=epoch, updated_at=moment, **columns)
        ).rowcount
        if not written:
            return False
        row = connection.execute(
            sa.select(sessions.c.name, sessions.c.wanted).where(sessions.c.id == session_id)
        ).one()
        recorded = []
        if events and row.wanted != Wanted.DELETED:
            recorded = [bus.record(connection, session_id, row.name, event) for event in events]
    bus.announce(connections.redis, recorded)
    return True


def settle_wanted(connections: Connections, session_id: str, generation: int, wanted: Wanted) -> bool:
    """Note that what was wanted has been done, unless the API has asked for something else meanwhile."""
    with connections.transaction() as connection:
        return bool(
            connection.execute(
                sessions.update()
                .where(
                    sessions.c.id == session_id,
                    sessions.c.generation == generation,
                    sessions.c.wanted != Wanted.DELETED,
                )
                .values(wanted=wanted, updated_at=now_ms())
            ).rowcount
        )
