"""Who may have a file in memory: few at a time, one for each client, and a call that hangs holds up its own only."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from flashapi.errors import Unavailable
from tests.support.servers import wait_until
from workers import clients
from workers.media.slots import Slots

PATIENCE = 0.3


class Holder:
    """Takes a slot in a thread and holds it until it is told to let go."""

    def __init__(self, pool: ThreadPoolExecutor, slots: Slots, owner: str) -> None:
        self.has = threading.Event()
        self.let_go = threading.Event()
        self.outcome: Future[None] = pool.submit(self._hold, slots, owner)

    def _hold(self, slots: Slots, owner: str) -> None:
        with slots.taken(owner):
            self.has.set()
            self.let_go.wait(10)


def hang(slots: Slots, owner: str) -> Callable[[], None]:
    """Have a call of this owner's given up; returns what makes it return after all."""
    returns = threading.Event()
    with slots.taken(owner), pytest.raises(Unavailable, match="nada foi enviado"):
        slots.call(owner, 0.01, lambda: returns.wait(10))
    return returns.set


def test_one_for_each_and_two_in_all_in_order() -> None:
    slots = Slots(width=2, patience=PATIENCE)
    with ThreadPoolExecutor(8) as pool:
        first, again = Holder(pool, slots, "alice"), Holder(pool, slots, "alice")
        other = Holder(pool, slots, "bob")
        assert other.has.wait(5), "alice's second must not stand in bob's way"
        third = Holder(pool, slots, "carol")
        assert first.has.is_set() ^ again.has.is_set()
        assert not third.has.wait(0.1), "two are out"
        other.let_go.set()
        assert third.has.wait(5)
        for each in (first, again, third):
            each.let_go.set()
        assert again.has.wait(5) and first.has.wait(5)


def test_what_a_call_returns_or_raises() -> None:
    slots = Slots()
    assert slots.call("alice", 5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        slots.call("alice", 5, lambda: 1 // 0)


def test_a_call_that_hangs_holds_up_its_own_only() -> None:
    slots = Slots(width=1, patience=PATIENCE)
    before = clients.given_up
    free = hang(slots, "alice")
    assert clients.given_up == before + 1
    with slots.taken("bob"):
        pass
    began = time.monotonic()
    with pytest.raises(Unavailable, match="nada foi enviado"), slots.taken("alice"):
        pytest.fail("alice's last call hangs")
    assert time.monotonic() - began >= PATIENCE
    free()
    wait_until(lambda: clients.given_up == before, "the thread has returned")
    with slots.taken("alice"):
        pass


def test_whoever_waits_goes_on_when_the_call_returns() -> None:
    slots = Slots(width=1, patience=10)
    free = hang(slots, "alice")
    with ThreadPoolExecutor(1) as pool:
        waiting = Holder(pool, slots, "alice")
        assert not waiting.has.wait(0.1)
        free()
        assert waiting.has.wait(5)
        waiting.let_go.set()
