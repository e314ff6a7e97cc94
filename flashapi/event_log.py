"""The event log as those read it who were away: from a known event on, in order, told what is no longer kept.

One session's events become visible in the order of their positions (`bus.take_turn`). Those of different sessions may
not: where all sessions are read, a position skipped a moment ago may still be filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from flashapi.bus import Recorded
from flashapi.models.base import now_ms
from flashapi.models.events import events

OVERLAP_POSITIONS = 200
OVERLAP_MS = 10_000
"""How long a transaction that has taken a position may still be committing; after that it counts as rolled back."""


@dataclass(frozen=True)
class Start:
    """Where to begin: behind this position. `gone`: the event asked for is not kept, so that more may be missing."""

    position: int
    gone: bool


def start_after(connection: sa.Connection, event_id: str, session_id: str | None) -> Start:
    """Right behind an event, of one session or of any; from the oldest one on if it is not (or no longer) there."""
    row = connection.execute(sa.select(events.c.position, events.c.session_id).where(events.c.id == event_id)).first()
    if row is None or session_id not in (None, row.session_id):
        return Start(0, True)
    return Start(row.position, False)


def start_before(connection: sa.Connection, event_id: str, session_id: str | None) -> Start:
    """A little before an event: what was committed late, beside it, is read once more rather than missed."""
    start = start_after(connection, event_id, session_id)
    if start.gone:
        return start
    moment = connection.execute(sa.select(events.c.time).where(events.c.position == start.position)).scalar_one()
    nearby = (events.c.position.between(start.position - OVERLAP_POSITIONS, start.position),)
    oldest = sa.select(sa.func.min(events.c.position)).where(*nearby, events.c.time >= moment - OVERLAP_MS)
    return Start((connection.scalar(oldest) or start.position) - 1, False)


def settled(connection: sa.Connection, position: int, found: Sequence[Recorded]) -> Sequence[Recorded]:
    """Of these events of all sessions, behind `position`, those that nothing can come before any more."""
    if not found:
        return found
    between = events.c.position.between(position + 1, found[-1].position)
    expected = position + 1
    recent = now_ms() - OVERLAP_MS
    rows = connection.execute(sa.select(events.c.position, events.c.time).where(between).order_by(events.c.position))
    for row in rows:
        if row.position != expected and row.time >= recent:
            return [each for each in found if each.position < expected]
        expected = row.position + 1
    return found
