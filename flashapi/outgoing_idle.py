"""The connections that the guarded fetcher keeps between requests: a bounded number, each for a short while."""

import threading
import time
from collections import Counter

from flashapi.outgoing_connection import Connection, Destination

KEPT_PER_DESTINATION = 2


class IdleConnections:
    """At most `at_most` connections, each of which holds two file descriptors. For any number of threads."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._kept: list[Connection] = []  # the one used last is at the end
        self._lock = threading.Lock()

    def take(self, destination: Destination) -> Connection | None:
        """The one to this destination that was used last, of those that can carry another request."""
        while (connection := self._pop(destination)) is not None:
            if connection.is_usable():
                return connection
            connection.end()
        return None

    def keep(self, connection: Connection) -> None:
        """Keep it for the next request. Closes what is too old or too many by now: nothing else looks after them."""
        connection.idle_since = time.monotonic()
        with self._lock:
            self._kept.append(connection)
            surplus = self._drop_surplus()
        _end(surplus)

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            kept, self._kept = self._kept, []
        _end(kept)

    def _pop(self, destination: Destination) -> Connection | None:
        with self._lock:
            for place in reversed(range(len(self._kept))):
                if self._kept[place].destination == destination:
                    return self._kept.pop(place)
        return None

    def _drop_surplus(self) -> list[Connection]:
        staying: list[Connection] = []
        surplus: list[Connection] = []
        of_destination: Counter[Destination] = Counter()
        for connection in reversed(self._kept):
            of_destination[connection.destination] += 1
            fits = len(staying) < self._at_most and of_destination[connection.destination] <= KEPT_PER_DESTINATION
            (staying if fits and not connection.is_too_old() else surplus).append(connection)
        self._kept = staying[::-1]
        return surplus


def _end(connections: list[Connection]) -> None:
    for connection in connections:
        connection.end()
