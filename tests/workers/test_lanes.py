"""Lanes: work of one key in order, at most so wide, threads only while there is work."""

import threading

from tests.support.servers import wait_until
from workers.lanes import Lane


def test_work_of_a_lane_runs_in_the_order_it_was_put() -> None:
    lane, done, finished = Lane("test"), [], threading.Event()
    for number in range(100):
        lane.put(lambda number=number: done.append(number))  # type: ignore[misc]
    lane.put(finished.set)
    assert finished.wait(5)
    assert done == list(range(100))


def test_a_wide_lane_goes_on_beside_stuck_work() -> None:
    lane, release, finished = Lane("test", width=2), threading.Event(), threading.Event()
    lane.put(lambda: release.wait(10) and None)
    lane.put(finished.set)
    assert finished.wait(5)
    release.set()


def test_a_lane_is_never_wider_than_its_width() -> None:
    lane, release, started = Lane("test", width=2), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        started.release()
        release.wait(10)

    for _ in range(3):
        lane.put(work)
    assert started.acquire(timeout=5) and started.acquire(timeout=5)
    assert not started.acquire(timeout=0.2)
    release.set()
    assert started.acquire(timeout=5)


def test_a_failure_does_not_end_the_lane() -> None:
    lane, finished = Lane("test"), threading.Event()

    def fail() -> None:
        raise ValueError("a bug")

    lane.put(fail)
    lane.put(finished.set)
    assert finished.wait(5)


def test_idle_threads_go_and_come_back_on_use() -> None:
    lane, finished = Lane("test-idle", idle_seconds=0.05), threading.Event()
    lane.put(finished.set)
    assert finished.wait(5)
    idle = [thread for thread in threading.enumerate() if thread.name == "test-idle"]
    for thread in idle:
        thread.join(5)
    assert not any(thread.is_alive() for thread in idle)
    again = threading.Event()
    lane.put(again.set)
    assert again.wait(5)


def test_a_closed_lane_drops_what_waits() -> None:
    lane, release, ran = Lane("test"), threading.Event(), threading.Event()
    lane.put(lambda: release.wait(10) and None)
    lane.put(ran.set)
    lane.close()
    release.set()
    lane.put(ran.set)
    assert not ran.wait(0.2)


def test_who_put_what_is_dropped_is_told() -> None:
    lane, release, told = Lane("test"), threading.Event(), []
    lane.put(lambda: release.wait(10) and None, lambda: told.append("ran"))
    wait_until(lambda: not len(lane), "it runs", 5)
    lane.put(release.set, lambda: told.append("waiting"))
    lane.close()
    lane.put(release.set, lambda: told.append("late"))
    assert told == ["waiting", "late"]
    release.set()
