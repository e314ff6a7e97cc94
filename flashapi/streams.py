"""The bus as one web process hears it: one reader of the publications, any number of listeners.

Publications are fast and may be lost; the table is slower and complete. The reader takes what is published, and goes
to the table for positions that were skipped, after each reconnection, while Redis is away, and every few seconds.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.mailbox import Mailbox

log = structlog.get_logger()

LISTENER_LIMIT = 1_000
TICK_SECONDS = 0.25
SWEEP_SECONDS = 2.0
"""How late an event is, at most, whose publication was lost."""
MISSING_SECONDS = 10.0
"""A skipped position may belong to a transaction that is still committing; after this it counts as rolled back."""
LOOKED_BACK = 200
"""Among so many positions before its start, the reader looks for skipped ones."""
BATCH = 500
REMEMBERED = 10_000

Listener = Mailbox[Recorded]
Receiver = Callable[[Recorded], object]
"""Called in the reader's thread for each event: must neither wait nor raise."""


class Hub:
    """Hands each recorded event to the receivers of its session and to those of all sessions.

    The reader starts with the first receiver, thus after a web server's fork.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._receivers: dict[str | None, list[Receiver]] = {}
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._position = 0
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._missing: dict[int, float] = {}
        self._swept = 0.0

    @contextmanager
    def listen(self, session_id: str | None, limit: int = LISTENER_LIMIT) -> Iterator[Listener]:
        """The events of one session, or of all, recorded from now on. Raises DatabaseUnavailable.

        A listener that lets `limit` events pile up is cut off: `overflowed`, and `get` gives None at once.
        """
        listener = Listener(limit)
        self.attach(session_id, listener.put)
        try:
            yield listener
        finally:
            self.detach(session_id, listener.put)

    def attach(self, session_id: str | None, receive: Receiver) -> None:
        """Call `receive` for each event from now on, of one session or of all. Raises DatabaseUnavailable."""
        with self._lock:
            if not self._started:
                self._start()
            self._receivers[session_id] = [*self._receivers.get(session_id, ()), receive]

    @property
    def receivers(self) -> int:
        """How many are being handed events now."""
        return sum(len(receivers) for receivers in self._receivers.values())

    def detach(self, session_id: str | None, receive: Receiver) -> None:
        """Undo an `attach`; events being handed out at this moment may still arrive."""
        with self._lock:
            left = [other for other in self._receivers.get(session_id, ()) if other != receive]
            if left:
                self._receivers[session_id] = left
            else:
                self._receivers.pop(session_id, None)

    def close(self) -> None:
        """End the reader at its next tick; a hub can't be started again."""
        self._closed = True

    def _start(self) -> None:
        # In the caller's thread: what is recorded after `attach` has returned must lie behind this position.
        with self._connections.reading() as connection:
            self._position = last = bus.last_position(connection)
            before = {each.position for each in bus.after(connection, last - LOOKED_BACK, LOOKED_BACK)}
        if before:  # a position that is missing there may be that of a transaction still to commit
            ends = time.monotonic() + MISSING_SECONDS
            self._missing.update(dict.fromkeys(set(range(min(before), last)) - before, ends))
        self._started = True
        threading.Thread(target=self._read, name="bus-reader", daemon=True).start()

    def _read(self) -> None:
        for publication in bus.subscribe(self._connections.redis, bus.CHANNEL, tick=TICK_SECONDS):
            if self._closed:
                return
            if publication is not None:
                self._hear(publication)
            elif self._missing or time.monotonic() - self._swept >= SWEEP_SECONDS:
                self._catch_up()

    def _hear(self, publication: bytes) -> None:
        try:
            recorded = bus.parse(publication)
        except (ValueError, TypeError, KeyError):
            log.warning("publication_unreadable", size=len(publication))
            return
        # What was skipped goes first: it may be an earlier event of the same session.
        if (recorded.position == self._position + 1 and not self._missing) or self._catch_up():
            self._take(recorded)

    def _catch_up(self) -> bool:
        """Take everything the table has behind our position, and what was skipped; False while it is out of reach."""
        now = time.monotonic()
        more = True
        try:
            while more:
                with self._connections.reading() as connection:
                    found = list(bus.after(connection, self._position, BATCH))
                    # Asked after the newer ones: where a session's event is seen, its earlier ones are to be seen too.
                    found += bus.at(connection, self._missing) if self._missing else []
                more = len(found) >= BATCH
                for recorded in sorted(found, key=lambda each: each.position):
                    self._take(recorded)
        except DatabaseUnavailable:
            return False  # tried again at the next tick
        self._missing = {position: ends for position, ends in self._missing.items() if ends > now}
        self._swept = now
        return True

    def _expect(self, first: int, end: int) -> None:
        """Remember the positions from `first` up to `end`, without it, as skipped; only the last of a huge gap."""
        ends = time.monotonic() + MISSING_SECONDS
        self._missing.update(dict.fromkeys(range(max(first, end - BATCH), end), ends))

    def _take(self, recorded: Recorded) -> None:
        """Hand an event out, once, whether it was published or found, in its turn or late."""
        position = recorded.position
        self._missing.pop(position, None)
        if position in self._seen:
            return
        if position > self._position:
            self._expect(self._position + 1, position)
            self._position = position
        self._seen[position] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        for receive in (*self._receivers.get(recorded.session_id, ()), *self._receivers.get(None, ())):
            receive(recorded)
