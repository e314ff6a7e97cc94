"""The event log for those who poll."""

from collections.abc import Sequence
from dataclasses import dataclass

from flashapi import bus, event_log
from flashapi.bus import Recorded
from flashapi.services.backend import Backend


@dataclass(frozen=True)
class Page:
    """Some events, the id to go on from, and whether the one asked for is no longer kept."""

    events: Sequence[Recorded]
    last: str | None
    gone: bool


def page(backend: Backend, session_id: str | None, *, after: str | None, limit: int, names: list[str] | None) -> Page:
    """Up to `limit` events behind the one with the id `after`, oldest first, of one session or of all."""
    with backend.connections.reading() as connection:
        start = event_log.Start(0, False)
        if after is not None:
            start = event_log.start_after(connection, after, session_id)
        found = bus.after(connection, start.position, limit, session_id, names)
        if session_id is None:
            found = event_log.settled(connection, start.position, found)
    unchanged = None if start.gone else after
    return Page(found, found[-1].id if found else unchanged, start.gone)
