"""What a session's owner has seen, written down: state columns and the event that tells of it, in one transaction.

Every write carries the epoch of the owner's lease, and waits through outages of the database.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi import bus
from flashapi.connections import Connections
from flashapi.events import Event, PresenceUpdate, SessionDisconnected
from flashapi.models.base import now_ms
from flashapi.models.sessions import Reason, State, Wanted, sessions
from workers.store_inbound import record_presence
from workers.waiting import persistently

NO_CODES: dict[str, Any] = {"qr": None, "qr_expires_at": None, "pairing_code": None}
"""The columns of a session that shows nothing to pair with."""


class Report:
    """The pen of one session's owner."""

    def __init__(self, connections: Connections, session_id: str, epoch: int) -> None:
        self._connections = connections
        self._session_id = session_id
        self._epoch = epoch

    def state(self, state: State, event: Event | None = None, **columns: Any) -> None:
        """Write the state and what belongs to it, tell of it by `event`."""
        persistently(lambda: self._write(event, state=state, **columns))

    def disconnected(self, state: State, reason: Reason, *, tell: bool = True, **columns: Any) -> None:
        """Write that the session is not connected, and why; `tell` emits the event."""
        event = SessionDisconnected(reason=reason.value) if tell else None
        persistently(lambda: self._write(event, state=state, reason=reason, **columns))

    def presence(self, updates: Sequence[PresenceUpdate]) -> None:
        """Tell of somebody's presence."""

        def write() -> list[bus.Recorded]:
            with self._connections.transaction() as connection:
                return record_presence(connection, self._session_id, updates)

        bus.announce(self._connections.redis, persistently(write))

    def settled(self, generation: int, wanted: Wanted) -> None:
        """Note that what was wanted has been done, unless the API has asked for something else meanwhile."""
        persistently(lambda: self._settle(generation, wanted))

    def _settle(self, generation: int, wanted: Wanted) -> None:
        with self._connections.transaction() as connection:
            connection.execute(
                sessions.update()
                .where(
                    sessions.c.id == self._session_id,
                    sessions.c.generation == generation,
                    sessions.c.wanted != Wanted.DELETED,
                )
                .values(wanted=wanted, updated_at=now_ms())
            )

    def _write(self, event: Event | None, **columns: Any) -> None:
        """Nothing is written or told if a later owner has written already, or the session is gone."""
        recorded = []
        with self._connections.transaction() as connection:
            written = connection.execute(
                sessions.update()
                .where(sessions.c.id == self._session_id, sessions.c.state_epoch <= self._epoch)
                .values(state_epoch=self._epoch, updated_at=now_ms(), **columns)
            ).rowcount
            if not written:
                return
            row = connection.execute(
                sa.select(sessions.c.name, sessions.c.wanted).where(sessions.c.id == self._session_id)
            ).one()
            if event is not None and row.wanted != Wanted.DELETED:
                recorded = [bus.record(connection, self._session_id, row.name, event)]
        bus.announce(self._connections.redis, recorded)
