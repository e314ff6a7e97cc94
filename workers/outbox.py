"""The runner of a session's sends: the sends lane. It finds the next row and its moment."""

import math
import threading
import time
from dataclasses import dataclass

import structlog

from flashapi.errors import FlashAPIError
from flashapi.models.base import now_ms
from workers import outbox_rows as rows
from workers.lane_worker import Ticket
from workers.lanes import Lane
from workers.outbox_pacing import Pace
from workers.outbox_prepared import Session
from workers.outbox_sends import Sender
from workers.tools import Tools
from workers.waiting import persistently

log = structlog.get_logger()

AGAIN_SECONDS = 1.0
NEAR_SECONDS = 2.0
"""A moment so near is waited for on the lane, to be met exactly; for a later one the sweeper comes back."""
LOOK_AGAIN_SECONDS = 10.0
"""Settings may change while nobody is told (Redis is away)."""
AHEAD_SECONDS = 0.2
"""A scheduled row joins the line so long before it is due: the line keeps its moment."""


@dataclass
class _Turn:
    """What the runner found to do: a row to send at a moment, or a time to wait."""

    row: rows.Row | None = None
    queue: rows.Queue = rows.Queue()
    moment: float = 0.0
    wait_seconds: float | None = None


class OutboxRunner:
    """Sends the rows of one session, one after the other, woken by jobs and by the sweeper."""

    def __init__(self, session: Session, tools: Tools) -> None:
        self._session = session
        self._connections = tools.connections
        self._pace = Pace(tools.connections, session.session_id, tools.settings.timezone)
        self._sender = Sender(session, tools, self._pace)
        self._lane = Lane(f"sends-{session.session_id[:8]}", idle_seconds=60)
        self._changed = threading.Condition()
        self._woken = False
        self._running = False
        self._closed = False
        self._sending: int | None = None
        self._rests_until = 0.0
        self._tickets: dict[int, list[Ticket]] = {}

    def wake(self, ticket: Ticket | None = None) -> None:
        """Look for rows now. The ticket of a direct send is answered when its row is finished."""
        with self._changed:
            if ticket is not None and (row := ticket.keywords.get("row")) is not None:
                self._tickets.setdefault(int(row), []).append(ticket)
            elif ticket is not None:
                ticket.answer(None)
            self._woken = True
            self._changed.notify_all()
            if self._running or self._closed:
                return
            self._running = True
        self._lane.put(self._run)

    def nudge(self) -> None:
        """Look for rows, unless that is going on or is known to be of no use yet. A connection made looks by itself."""
        if self._running or time.monotonic() < self._rests_until or self._session.connected_client() is None:
            return
        self.wake()

    def close(self) -> None:
        """Let the send in flight finish; the other rows stay queued."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def finished_within(self, seconds: float) -> bool:
        """Wait for the send in flight, once closed; False if it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._woken = False
            try:
                turn = persistently(self._next)
                self._sender.turn_to(turn.row)
                if turn.row is not None:
                    self._send(turn, turn.row)
                    continue
                self._settle_tickets()
            except Exception:
                log.exception("outbox_step_failed", session=self._session.session_id)
                turn = _Turn(wait_seconds=AGAIN_SECONDS)
            with self._changed:
                near = turn.wait_seconds is not None and turn.wait_seconds <= NEAR_SECONDS
                if self._closed or not (near or self._woken):
                    self._running = False
                    self._changed.notify_all()
                    self._rest(turn.wait_seconds)
                    return
                if not self._woken:
                    self._changed.wait(turn.wait_seconds)

    def _rest(self, seconds: float | None) -> None:
        """Leave the lane: the sweeper comes back shortly before the time is over."""
        rests = min(seconds, LOOK_AGAIN_SECONDS) - NEAR_SECONDS if seconds is not None else 0.0
        self._rests_until = time.monotonic() + rests

    def _next(self) -> _Turn:
        if self._closed or not self._session.may_act():
            return _Turn()
        session_id = self._session.session_id
        with self._connections.reading() as connection:
            queue = rows.queue_of(connection, session_id)
            due = rows.next_due(connection, session_id) if queue.scheduled else None
        due_in = (due - now_ms()) / 1_000 if due is not None else math.inf
        if due_in <= AHEAD_SECONDS:
            rows.promote(self._connections, session_id, now_ms() + int(AHEAD_SECONDS * 1_000))
        strangers_in = self._pace.strangers_from(queue.settings.pacing) - time.monotonic()
        strangers = strangers_in <= AHEAD_SECONDS
        with self._connections.reading() as connection:
            row = rows.next_row(connection, session_id, only_direct=queue.paused, strangers=strangers)
        others_in = due_in if strangers or queue.paused or not queue.queued else min(due_in, strangers_in)
        if row is None:
            return _Turn(wait_seconds=max(0.0, others_in - AHEAD_SECONDS) if others_in < math.inf else None)
        if row.direct:
            return _Turn(row, queue)
        if self._session.connected_client() is None:
            return _Turn()  # the connection's return wakes us
        moment = self._pace.turn_of(row, queue)
        if (wait := moment - time.monotonic()) > NEAR_SECONDS:
            return _Turn(wait_seconds=min(wait, max(others_in, AHEAD_SECONDS)))
        return _Turn(row, queue, moment)

    def _send(self, turn: _Turn, row: rows.Row) -> None:
        self._sending = row.id
        structlog.contextvars.bind_contextvars(request_id=row.request_id, session=self._session.session_id)
        try:
            self._sender.send(row, turn.queue, turn.moment, self._wait)
        except FlashAPIError as error:
            self._sender.finish_unsent(row, error)
        finally:
            structlog.contextvars.clear_contextvars()
            self._sending = None
        self._settle_tickets()
        self._sender.discard_file(row)

    def _wait(self, moment: float, interruptible: bool) -> bool:
        """Wait for the moment; False if the runner was closed, or, where that matters, woken, before it.

        What woke it while its row was being made ready is seen when that is claimed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (interruptible and self._woken), max(0.0, moment - time.monotonic())
            )
            return not self._closed and not (interruptible and self._woken and time.monotonic() < moment)

    def _settle_tickets(self) -> None:
        """Answer the callers whose rows are finished."""
        with self._changed:
            waiting = [row for row in self._tickets if row != self._sending]
        if not waiting:
            return
        outcomes = persistently(lambda: rows.outcomes(self._connections, self._session.session_id, waiting))
        for row, outcome in outcomes.items():
            with self._changed:
                tickets = self._tickets.pop(row, [])
            for ticket in tickets:
                if isinstance(outcome, FlashAPIError):
                    ticket.fail(outcome)
                else:
                    ticket.answer(outcome)
