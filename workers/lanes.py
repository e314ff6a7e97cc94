"""Lines of work: jobs of one key in order, keys in parallel, threads that come on first use and go when idle."""

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
        self._waiting: deque[tuple[Work, Work | None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def put(self, work: Work, if_dropped: Work | None = None) -> None:
        """Add work at the end of the line. It is dropped if the lane is closed, or closes first: `if_dropped`, then."""
        with self._changed:
            if not self._closed:
                self._waiting.append((work, if_dropped))
                if self._idle >= len(self._waiting) or self._threads >= self._width:
                    self._changed.notify()
                    return
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
                return
        if if_dropped is not None:
            if_dropped()

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Let running work finish, drop the rest."""
        with self._changed:
            self._closed = True
            dropped = [if_dropped for _work, if_dropped in self._waiting if if_dropped is not None]
            self._waiting.clear()
            self._changed.notify_all()
        for if_dropped in dropped:
            if_dropped()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                self._changed.wait_for(lambda: self._waiting or self._closed, self._idle_seconds)
                self._idle -= 1
                if not self._waiting:
                    self._threads -= 1
                    return
                work, _if_dropped = self._waiting.popleft()
            try:
                work()
            except Exception:
                # A lane outlives a bug in one job; the job's own wrapper has told its caller.
                log.exception("lane_work_failed", lane=self._name)
