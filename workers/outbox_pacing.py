"""When the next queued send may begin: the gap, its own time, the pacing guard; and who is a stranger."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.messages import messages
from flashapi.models.outbox import outbox
from flashapi.queue_settings import Pacing
from workers import outbox_rows as rows
from workers.outbox_rows import Queue, Row

TYPING_AT_MOST_MS = 60_000
"""A longer delay is waited out first, so that direct sends need not wait behind it."""
PERSONAL = ("@s.whatsapp.net", "@lid")


class Pace:
    """The rhythm of one session's sends. Moments are of the monotonic clock, in seconds."""

    def __init__(self, connections: Connections, session_id: str, timezone: str) -> None:
        self._connections = connections
        self._session_id = session_id
        self._timezone = timezone
        self._last_start: float | None = None
        self._gap_ends: float | None = None
        self._held: tuple[int, float] | None = None  # a head row with a long delay, and when its turn comes

    def turn_of(self, row: Row, queue: Queue) -> float:
        """When this row, the head of the line, may begin: to be typed, if it has a delay, and else to leave."""
        if self._gap_ends is None:
            self._remember(queue)
        assert self._gap_ends is not None
        if self._held is None or self._held[0] != row.id:
            self._held = (row.id, time.monotonic() + max(0, row.delay_ms - TYPING_AT_MOST_MS) / 1_000)
        due = _monotonic(row.due_at) if row.due_at else 0.0
        return max(self._gap_ends, self._held[1], due, self.guarded_until(queue.settings.pacing))

    def guarded_until(self, pacing: Pacing) -> float:
        """Until when the guard lets nothing out; 0 if it does now."""
        if not pacing.caps and pacing.quiet is None:
            return 0.0
        with self._connections.reading() as connection:
            until = open_again(connection, self._session_id, pacing, self._timezone, now_ms())
        return _monotonic(until) if until else 0.0

    def turn_of_stranger(self, chat: str, pacing: Pacing) -> float:
        """When a first message to this chat may begin; 0 if it isn't the first."""
        if not pacing.new_contact_gap_ms or not chat.endswith(PERSONAL):
            return 0.0
        if self._last_start is None:
            self._remember(Queue())
        with self._connections.reading() as connection:
            if has_messages(connection, self._session_id, chat, from_me=True):
                return 0.0
        return (self._last_start or 0.0) + pacing.new_contact_gap_ms / 1_000

    def is_cold(self, chat: str) -> bool:
        """Whether nobody has ever written to us from this chat."""
        if not chat.endswith(PERSONAL):
            return False
        with self._connections.reading() as connection:
            return not has_messages(connection, self._session_id, chat, from_me=False)

    def began(self, row: Row, queue: Queue, moment: float) -> None:
        """A send has begun. The gap counts from here; direct ones keep to none and make none."""
        self._last_start = moment
        if not row.direct:
            self._gap_ends = moment + queue.settings.draw_gap_ms() / 1_000

    def put_off(self, row: Row, moment: float) -> None:
        """This row, while it is the head of the line, begins no sooner."""
        self._held = (row.id, moment)

    def rest(self, seconds: float) -> None:
        """Let no queued send begin for so long."""
        self._gap_ends = max(self._gap_ends or 0.0, time.monotonic() + seconds)

    def _remember(self, queue: Queue) -> None:
        """Go on from where another process stopped."""
        with self._connections.reading() as connection:
            last = rows.last_start(connection, self._session_id)
        self._last_start = _monotonic(last) if last else time.monotonic() - 86_400
        self._gap_ends = self._last_start + queue.settings.draw_gap_ms() / 1_000


def open_again(connection: sa.Connection, session_id: str, pacing: Pacing, timezone: str, now: int) -> int:
    """The moment, in ms, from which the guard lets a send out; 0 if it does now."""
    moments = [quiet_until(pacing.quiet, timezone, now) if pacing.quiet else 0]
    for cap, span in pacing.caps:
        # The cap-th latest send must have left the window. One of the future is of a clock that was set back since.
        oldest = connection.execute(
            sa.select(outbox.c.sending_at)
            .where(
                outbox.c.session_id == session_id, outbox.c.sending_at > now - span, outbox.c.sending_at <= now
            )
            .order_by(outbox.c.sending_at.desc())
            .limit(1)
            .offset(cap - 1)
        ).scalar()
        moments.append(oldest + span if oldest else 0)
    return max(moments)


def quiet_until(quiet: tuple[str, str], timezone: str, now: int) -> int:
    """The end of the quiet hours that `now` lies in, in ms; 0 outside of them. They may span midnight."""
    here = datetime.fromtimestamp(now / 1_000, ZoneInfo(timezone))
    clock = here.strftime("%H:%M")
    start, end = quiet
    over_midnight = start > end
    if not (clock >= start or clock < end if over_midnight else start <= clock < end):
        return 0
    hour, minute = (int(part) for part in end.split(":"))
    ends = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if ends <= here:
        ends += timedelta(days=1)
    return int(ends.timestamp() * 1_000)


def has_messages(connection: sa.Connection, session_id: str, chat: str, *, from_me: bool) -> bool:
    """Whether the session has a stored message of this chat, of its own or of the others."""
    found = connection.execute(
        sa.select(messages.c.id)
        .where(messages.c.session_id == session_id, messages.c.chat == chat, messages.c.from_me.is_(from_me))
        .limit(1)
    ).first()
    return found is not None


def _monotonic(moment_ms: int) -> float:
    return time.monotonic() + (moment_ms - now_ms()) / 1_000
