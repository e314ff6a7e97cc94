"""Who registers under which name. Go keeps the name of a linked device in one variable for the whole process
(whatsmeow, store/clientpayload.go: DeviceProps), and reads it when a client without an account ends its handshake.

neonize sets it at each start, so a start with another name, at that time, would rename the device of somebody else.
"""

import threading
import time
from collections.abc import Callable

HELD_AT_MOST_SECONDS = 10.0
"""A registration that hasn't gone out by then is taken for one that won't: others need not wait longer."""


class Registrations:
    """Those under way in this process: at any time all under one name."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way: dict[object, tuple[bytes, float]] = {}  # holder -> its name, and until when it holds it

    def begin(self, holder: object, name: bytes, is_over: Callable[[], bool]) -> None:
        """Wait until nobody registers under another name, or the holder has been stopped, and say that it does."""
        with self._changed:
            while not is_over() and (pause := self._held_for(name)) > 0:
                self._changed.wait(pause)
            if not is_over():
                self._under_way[holder] = name, time.monotonic() + HELD_AT_MOST_SECONDS

    def end(self, holder: object) -> None:
        """The holder's registration has gone out, or won't any more."""
        with self._changed:
            self._under_way.pop(holder, None)
            self._changed.notify_all()

    def _held_for(self, name: bytes) -> float:
        ends = (until for other, until in self._under_way.values() if other != name)
        return max(ends, default=0.0) - time.monotonic()
