"""What counts as sent while a session was away, whichever order the client tells of login and catching up in."""

import pytest
from neonize.proto import Neonize_pb2 as wire

from workers import catching_up
from workers.catching_up import CatchingUp
from workers.clients import CODES

STARTED, LOGGED_IN, LATER = 1_000, 2_000, 9_000
ORDERS = [(wire.Connected, wire.OfflineSyncCompleted), (wire.OfflineSyncCompleted, wire.Connected)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time, as its last entry."""
    times = [STARTED]
    monkeypatch.setattr(catching_up, "now_ms", lambda: times[-1])
    return times


def test_until_the_login_everything_older_than_now_was_missed(clock: list[int]) -> None:
    state = CatchingUp()
    clock.append(LATER)
    assert state.missed_before == LATER


def test_from_the_login_what_is_older_than_it(clock: list[int]) -> None:
    state = CatchingUp()
    clock.append(LOGGED_IN)
    state.note(CODES[wire.Connected])
    clock.append(LATER)
    assert state.missed_before == LOGGED_IN


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_once_both_are_told(clock: list[int], order: tuple[type, type]) -> None:
    state = CatchingUp()
    for kind in order:
        state.note(CODES[kind])
    assert state.missed_before == 0
    state.note(CODES[wire.Receipt])
    assert state.missed_before == 0


@pytest.mark.parametrize("break_", [wire.Disconnected, wire.KeepAliveTimeout])
@pytest.mark.parametrize("order", ORDERS)
def test_a_lost_connection_starts_it_anew(clock: list[int], order: tuple[type, type], break_: type) -> None:
    state = CatchingUp()
    for kind in (*order, break_):
        state.note(CODES[kind])
    clock.append(LATER)
    assert state.missed_before == LATER
    for kind in order:
        state.note(CODES[kind])
    assert state.missed_before == 0


def test_a_second_login_without_a_word_about_the_first_ones_end(clock: list[int]) -> None:
    state = CatchingUp()
    for kind in (wire.Connected, wire.OfflineSyncCompleted):
        state.note(CODES[kind])
    clock.append(LATER)
    state.note(CODES[wire.Connected])
    assert state.missed_before == LATER


def test_a_connection_that_was_silent_for_a_while_has_missed_nothing(clock: list[int]) -> None:
    state = CatchingUp()
    for kind in (wire.Connected, wire.OfflineSyncCompleted, wire.KeepAliveTimeout, wire.KeepAliveRestored):
        state.note(CODES[kind])
    assert state.missed_before == 0
