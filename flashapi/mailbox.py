"""A bounded queue between a writer in a hurry and a reader of unknown speed: the writer never waits.

A mailbox that is full closes for good, since a reader that has missed something must know that it has.
Works alike in plain threads and, monkey-patched, in gevent's greenlets.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds up to `limit` items; one more closes it and calls `on_overflow` once, in the writer's thread."""

    def __init__(self, limit: int, on_overflow: Callable[[], None] | None = None) -> None:
        self.limit = limit
        self.overflowed = False
        self.closed = False
        self._on_overflow = on_overflow
        self._items: deque[T] = deque()
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Add an item; False if the mailbox is closed, or closes now because it is full."""
        with self._changed:
            if self.closed:
                return False
            if len(self._items) < self.limit:
                self._items.append(item)
                self._changed.notify_all()
                return True
            self.overflowed = True
            self._close()
        if self._on_overflow is not None:
            self._on_overflow()
        return False

    def put_patiently(self, item: T) -> bool:
        """Add an item once the mailbox is at most half full, so that hurried writers find room; False if closed."""
        with self._changed:
            while not self.closed and len(self._items) > self.limit // 2:
                self._changed.wait()
            if self.closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest item, waited for up to `timeout` seconds; None after that, or once closed and empty."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._items and not self.closed:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            if not self._items:
                return None
            item = self._items.popleft()
            if len(self._items) <= self.limit // 2:
                self._changed.notify_all()
            return item

    def close(self) -> None:
        """Take nothing more; what is in it can still be read."""
        with self._changed:
            self._close()

    def _close(self) -> None:
        self.closed = True
        self._changed.notify_all()
