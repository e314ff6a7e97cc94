"""The door around neonize's Go maps, which are read at the beginning of every call and written by start and stop
without a lock: both at the same instant end the process.

Only the beginning of a call reads the maps, so calls are never waited for: a start or stop closes the door, lets the
calls that have just begun get past their look-up, acts, and opens again at its first sign of life.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE_SECONDS = 0.005
CLOSED_AT_MOST_SECONDS = 0.05


class Door:
    """Open for calls, except around the instant of a start or stop."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._acting = threading.Lock()

    def pass_through(self) -> None:
        """Wait until the door is open. Call the Go function right after this, with nothing in between."""
        self._open.wait()

    @contextmanager
    def acting(self) -> Iterator[Callable[[], None]]:
        """Close the door for a start or stop, one at a time.

        Gives a function that opens it early; at the end of the block it is open in any case.
        """
        with self._acting:
            self._open.clear()
            time.sleep(GRACE_SECONDS)
            try:
                yield self._open.set
            finally:
                self._open.set()
