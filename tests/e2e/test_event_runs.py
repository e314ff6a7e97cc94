"""Events through failing receivers, crashes and lost Redis data: the runs of `bench.event_runs`, shortened."""

from collections.abc import Callable

import pytest

from bench.event_runs import hanging, unreliable
from bench.event_storms import storms
from tests.support.installation import Installation


@pytest.fixture
def running(make_installation: Callable[..., Installation]) -> Installation:
    """An installation whose webhooks may go to this machine."""
    return make_installation(ALLOW_PRIVATE_URLS="true").start()


def test_a_receiver_that_is_down_then_slow_then_fails(running: Installation) -> None:
    figures = unreliable(running, events=30, down=5, slow=2, slow_seconds=3, patience=120)
    assert figures["as it should be"] == "yes", figures


@pytest.mark.alone
def test_a_hanging_endpoint_delays_nobody(running: Installation) -> None:
    figures = hanging(running, events=30, per_second=10, rounds=1)
    beside = int(figures["nine beside a hanging one: p99 ms"])
    assert beside < 5_000, figures  # it hangs for ten seconds at a time


def test_nothing_is_lost_in_a_storm(running: Installation) -> None:
    (figures,) = storms(running, 1, seconds=30, per_second=20, cuts=10)
    assert figures["as it should be"] == "yes", figures
