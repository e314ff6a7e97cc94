"""One name at a time: who registers under another waits until the first has gone out, has stopped, or is hopeless."""

import threading
import time

import pytest

from workers import registrations
from workers.registrations import Registrations


def go_on() -> bool:
    return False


def waiting(turns: Registrations, holder: str, name: bytes, is_over: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=turns.begin, args=(holder, name, is_over.is_set), daemon=True)
    thread.start()
    return thread


def test_another_name_waits_until_the_first_has_gone_out() -> None:
    turns, over = Registrations(), threading.Event()
    turns.begin("a", b"Loja", go_on)
    turns.begin("b", b"Loja", go_on)  # the same name: no reason to wait
    other = waiting(turns, "c", b"Suporte", over)
    turns.end("a")
    other.join(0.2)
    assert other.is_alive(), "b has not gone out yet"
    turns.end("b")
    other.join(5)
    assert not other.is_alive()


def test_one_that_is_stopped_neither_waits_nor_holds_others_up() -> None:
    turns, over = Registrations(), threading.Event()
    turns.begin("a", b"Loja", go_on)
    stopped = waiting(turns, "b", b"Suporte", over)
    over.set()
    turns.end("b")
    stopped.join(5)
    assert not stopped.is_alive()
    turns.end("a")
    began = time.monotonic()
    turns.begin("c", b"Caixa", go_on)
    assert time.monotonic() - began < 1


def test_one_that_never_goes_out_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "HELD_AT_MOST_SECONDS", 0.2)
    turns = Registrations()
    turns.begin("a", b"Loja", go_on)
    began = time.monotonic()
    turns.begin("b", b"Suporte", go_on)
    assert 0.1 < time.monotonic() - began < 2
