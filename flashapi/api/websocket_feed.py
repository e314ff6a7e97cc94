"""A client's events: first those it has missed, from the table, then those that happen, without a gap between them.

While the table is read, what happens meanwhile waits; when the table has no more, that goes out, then the rest at once.
"""

import threading
import time
from collections import OrderedDict

import structlog

from flashapi import bus, event_log, frames
from flashapi.api.websocket_auth import Subscription
from flashapi.api.websocket_client import Client, Frame
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.media.embedding import Embedder

log = structlog.get_logger()

BATCH = 200
WAITING = 1_000
"""What happens during a replay waits, up to so many events; more are read from the table as well."""
REMEMBERED = 10_000
DATABASE_PAUSE_SECONDS = 0.5


class Feed:
    """What one client hears. `hear` is called by the hub, and never waits."""

    def __init__(
        self,
        connections: Connections,
        client: Client,
        subscription: Subscription,
        written: frames.EventFrames,
        embedder: Embedder,
    ) -> None:
        self._connections = connections
        self._client = client
        self._subscription = subscription
        self._written = written  # for the hub's thread alone
        self._embedder = embedder
        self._live = False
        self._waiting: list[Recorded] = []
        self._overflowed = False
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def hear(self, recorded: Recorded) -> None:
        """Send an event, or let it wait until the client is up to date."""
        if recorded.name not in self._subscription.events:
            return
        with self._lock:
            if self._live:
                if recorded.position not in self._sent:
                    self._client.send(self._with_file(recorded) or self._written.text(recorded))
            elif len(self._waiting) < WAITING:
                self._waiting.append(recorded)
            else:
                self._overflowed = True

    def start(self) -> None:
        """Begin, once the client has been greeted; a replay goes its own way."""
        if self._subscription.last_event_id is None:
            if not self._go_live():
                self._client.cut()  # WAITING events during one greeting: it would be cut off as a slow reader anyway
            return
        threading.Thread(target=self._replay, name=f"replay-{self._client.id}", daemon=True).start()

    def _replay(self) -> None:
        wanted = self._subscription.last_event_id
        assert wanted is not None
        while not self._client.gone:
            try:
                with self._connections.reading() as connection:
                    start = event_log.start_before(connection, wanted, self._subscription.session_id)
                break
            except DatabaseUnavailable:
                time.sleep(DATABASE_PAUSE_SECONDS)
        else:
            return
        self._client.send_patiently(frames.replay(wanted, start.gone))
        position = start.position
        while not self._client.gone:
            position = self._send_missed(position)
            if self._go_live():
                log.info("websocket_replayed", client=self._client.id, count=self._count, gone=start.gone)
                return
            position = max(0, position - event_log.OVERLAP_POSITIONS)

    def _send_missed(self, position: int) -> int:
        """Send what the table has behind `position`; gives the last one's."""
        names = [str(name) for name in self._subscription.events]
        while not self._client.gone:
            try:
                with self._connections.reading() as connection:
                    found = bus.after(connection, position, BATCH, self._subscription.session_id, names)
            except DatabaseUnavailable:
                time.sleep(DATABASE_PAUSE_SECONDS)
                continue
            for recorded in found:
                self._send(recorded)
                position = recorded.position
            if len(found) < BATCH:
                break
        return position

    def _go_live(self) -> bool:
        """Send what has waited until nothing more does; False if some of it has to be read from the table."""
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if self._overflowed:
                    self._overflowed = False
                    return False
                if not waiting:
                    if self._subscription.last_event_id is not None:
                        self._client.send(frames.replayed(self._count))
                    self._live = True
                    return True
            for recorded in waiting:
                self._send(recorded)

    def _send(self, recorded: Recorded) -> None:
        if recorded.position in self._sent:
            return
        self._sent[recorded.position] = None
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        self._count += 1
        self._client.send_patiently(self._with_file(recorded) or frames.event(recorded, self._written.timezone))

    def _with_file(self, recorded: Recorded) -> Frame | None:
        """The frame of an event that may have to carry a file, written when its turn comes; None for all others."""
        if not self._embedder.concerns(recorded):
            return None
        return lambda: frames.event(self._embedder.embed(recorded), self._written.timezone)
