"""Leave to have a file in memory: few at a time, one for each client, and for no longer than neonize may take.

neonize wants a file whole, and waits for WhatsApp's media servers without end. A session that they never answer, say
through a proxy that lets only the login pass, must not hold up the files of the others.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from flashapi.errors import Unavailable
from flashapi.media.patience import SENDING_SECONDS
from workers import clients

log = structlog.get_logger()

AT_ONCE = 2
SILENT = "Os servidores de mídia do WhatsApp não responderam a tempo; nada foi enviado"

Result = TypeVar("Result")


@dataclass(eq=False)
class _Ticket:
    """A place in the line."""

    owner: Hashable


class Slots:
    """Who holds a slot, who waits for one, and whose last call still hangs."""

    def __init__(self, width: int = AT_ONCE, patience: float = SENDING_SECONDS) -> None:
        self._width = width
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._holding: set[Hashable] = set()
        self._hanging: dict[Hashable, float] = {}  # since when

    @contextmanager
    def taken(self, owner: Hashable) -> Iterator[None]:
        """Wait for a slot. Raises Unavailable if a call of the owner's that was given up doesn't return meanwhile."""
        ticket, began = _Ticket(owner), time.monotonic()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._next() is not ticket:
                    self._changed.wait(self._seconds_left(owner, began))
                self._holding.add(owner)
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._holding.discard(owner)
                self._changed.notify_all()

    def call(self, owner: Hashable, seconds: float, action: Callable[[], Result]) -> Result:
        """What `action` returns or raises. Raises Unavailable after so many seconds.

        Its thread can't be ended: it counts as given up, and until it returns the owner gets no other slot.
        """
        outcome: Future[Result] = Future()
        threading.Thread(target=self._run, args=(owner, action, outcome), name="media-call", daemon=True).start()
        wait([outcome], max(0.0, seconds))
        with self._changed:
            if not outcome.done():
                self._hanging[owner] = time.monotonic()
                clients.count_given_up(1)
                log.warning("media_call_given_up", seconds=round(seconds, 1), given_up=clients.given_up)
                raise Unavailable(SILENT, retry_after=60)
        return outcome.result()

    def _run(self, owner: Hashable, action: Callable[[], Result], outcome: "Future[Result]") -> None:
        try:
            result = action()
        except BaseException as error:  # whatever it is, it is for the caller
            outcome.set_exception(error)
        else:
            outcome.set_result(result)
        with self._changed:
            if self._hanging.pop(owner, None) is not None:
                clients.count_given_up(-1)
                self._changed.notify_all()

    def _next(self) -> _Ticket | None:
        """The first in the line that may have a slot now."""
        if len(self._holding) >= self._width:
            return None
        free = (each for each in self._waiting if each.owner not in self._holding and each.owner not in self._hanging)
        return next(free, None)

    def _seconds_left(self, owner: Hashable, began: float) -> float | None:
        """How long to go on waiting; for its turn without end, since others are given up in time."""
        since = self._hanging.get(owner)
        if since is None:
            return None
        left = max(began, since) + self._patience - time.monotonic()
        if left <= 0:
            raise Unavailable(SILENT, retry_after=60)
        return left
