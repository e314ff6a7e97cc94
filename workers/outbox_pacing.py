"""When the next queued send may begin: the gap, its own time, the pacing guard; and who is a stranger."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import STRANGERS, outbox
from flashapi.queue_settings import Pacing, QueueSettings
from workers import outbox_rows as rows
from workers import outbox_strangers
from workers.outbox_rows import Queue, Row

TYPING_AT_MOST_MS = 60_000
"""A longer delay is waited out first, so that direct sends need not wait behind it."""
PAUSE_SECONDS = 1.0
QUESTION_GAP_SECONDS = (1.0, 10.0)
"""After asking for a number that nothing is sent to then, the gap is waited for, within these bounds: a queue without a
gap must not flood WhatsApp with questions, one with a long gap need not wait so long for nothing."""
NEVER = float("-inf")
PERSONAL = ("@s.whatsapp.net", "@lid")


class Pace:
    """The rhythm of one session's sends. Moments are of the monotonic clock, in seconds.

    What is kept is when things began; when the next may begin is worked out from the settings each time it is asked, so
    that new ones hold at once.
    """

    def __init__(self, connections: Connections, session_id: str, timezone: str) -> None:
        self._connections = connections
        self._session_id = session_id
        self._timezone = timezone
        self._last_start: float | None = None  # of a queued send
        self._last_stranger: float | None = None  # the start of the latest first message to somebody
        self._last_question = NEVER  # to WhatsApp, for a number that nothing was sent to then
        self._drawn: tuple[tuple[int, int], int] | None = None  # a gap's range, and what was drawn of it
        self._rests_until = NEVER
        self._heads: dict[bool, tuple[int, float]] = {}  # the head row of each line, and when it became that

    def turn_of(self, row: Row, queue: Queue) -> float:
        """When this row, the head of the line, may begin: to be typed, if it has a delay, and else to leave."""
        line = row.rank >= STRANGERS
        if line not in self._heads or self._heads[line][0] != row.id:
            self._heads[line] = (row.id, time.monotonic())
        held = self._heads[line][1] + max(0, row.delay_ms - TYPING_AT_MOST_MS) / 1_000
        due = _monotonic(row.due_at) if row.due_at else NEVER
        stranger = self.strangers_from(queue.settings.pacing) if line else NEVER
        guard = self.guarded_until(queue.settings.pacing)
        return max(self._gap_ends(queue.settings), self._rests_until, held, due, stranger, guard)

    def guarded_until(self, pacing: Pacing) -> float:
        """Until when the guard lets nothing out; in the past if it does now."""
        if not pacing.caps and pacing.quiet is None:
            return NEVER
        with self._connections.reading() as connection:
            until = open_again(connection, self._session_id, pacing, self._timezone, now_ms())
        return _monotonic(until) if until else NEVER

    def strangers_from(self, pacing: Pacing) -> float:
        """When the next first message to somebody may begin; in the past if it may now."""
        if not pacing.new_contact_gap_ms:
            return NEVER
        if self._last_stranger is None:
            with self._connections.reading() as connection:
                last = outbox_strangers.last_start(connection, self._session_id)
            self._last_stranger = _monotonic(last) if last else NEVER
        return self._last_stranger + pacing.new_contact_gap_ms / 1_000

    def is_stranger(self, chat: str, pacing: Pacing) -> bool:
        """Whether we have never written to this chat; False where nothing depends on it."""
        if not pacing.new_contact_gap_ms or not chat.endswith(PERSONAL):
            return False
        with self._connections.reading() as connection:
            return not outbox_strangers.has_messages(connection, self._session_id, chat, from_me=True)

    def is_cold(self, chat: str) -> bool:
        """Whether nobody has ever written to us from this chat."""
        if not chat.endswith(PERSONAL):
            return False
        with self._connections.reading() as connection:
            return not outbox_strangers.has_messages(connection, self._session_id, chat, from_me=False)

    def began(self, row: Row, moment: float, *, stranger: bool) -> None:
        """A send has begun. The gap counts from here; direct ones keep to none and make none."""
        if stranger:
            self._last_stranger = moment
        if not row.direct:
            self._last_start, self._drawn = moment, None

    def asked(self, moment: float) -> None:
        """WhatsApp was asked for a number whose turn that was, and nothing is sent: the next waits as after a send."""
        self._last_question = moment

    def not_taken(self) -> None:
        """The connection did not take a send: let no queued one begin for a moment."""
        self._rests_until = time.monotonic() + PAUSE_SECONDS
        self.did_not_count()

    def did_not_count(self) -> None:
        """The send that has begun last never reached WhatsApp: if it was somebody's first message, look again."""
        self._last_stranger = None

    def _gap_ends(self, settings: QueueSettings) -> float:
        if self._last_start is None:  # go on from where another process stopped
            with self._connections.reading() as connection:
                last = rows.last_start(connection, self._session_id)
            self._last_start = _monotonic(last) if last else NEVER
        if self._drawn is None or self._drawn[0] != settings.gap_ms:
            self._drawn = (settings.gap_ms, settings.draw_gap_ms())
        gap = self._drawn[1] / 1_000
        shortest, longest = QUESTION_GAP_SECONDS
        return max(self._last_start + gap, self._last_question + min(max(gap, shortest), longest))


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


def _monotonic(moment_ms: int) -> float:
    return time.monotonic() + (moment_ms - now_ms()) / 1_000
