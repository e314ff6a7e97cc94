"""Lines of work: jobs of one key in order, keys in parallel, threads that come on first use and go when idle (D2)."""

import threading
from collections import deque
from collections.abc import Callable

import structlog

log = structlog.get_logger()

IDLE_SECONDS = 60.0

Work = Callable[[], None]


class Lane:
    """Runs what is put on it in order, `width` at a time."""

    def __init__(self, name: str, width: int = 1, idle_seconds: float = IDLE_SECONDS) -> None:
        self._name = name
        self._width = width
        self._idle_seconds = idle_seconds
        self._waiting: deque[Work] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def put(self, work: Work) -> None:
        """Add work at the end of the line. Work put on a closed lane is dropped."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append(work)
            if self._idle >= len(self._waiting) or self._threads >= self._width:
                self._changed.notify()
                return
            self._threads += 1
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Let running work finish, drop the rest."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._waiting or self._closed, self._idle_seconds)
                self._idle -= 1
                if not self._waiting:
                    self._threads -= 1
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception:
                # A lane outlives a bug in one job; the job's own wrapper has told its caller.
                log.exception("lane_work_failed", lane=self._name)
