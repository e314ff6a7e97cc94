"""The send queue through kills, lost Redis data and lost acks, on both databases."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.support.installation import Installation
from tests.support.listeners import SocketListener
from tests.support.queueing import drain, empty_and_restart_redis, fill, judge, keyed, make_lines, wait_empty
from tests.support.servers import wait_until

KILL_EVERY_SECONDS = 8.0
LOCKED_SECONDS = 8.0
"""Longer than a writer waits for SQLite's lock."""
TYPING_MS = 7_000
"""Longer than a direct send may wait for a worker."""


@pytest.mark.parametrize("policy", ["hold", "resend"])
def test_queues_survive_kills_and_an_emptied_redis(running: Installation, policy: str) -> None:
    prefix = "60" if policy == "hold" else "61"
    lines = make_lines(running, 4, prefix)
    for line in lines:
        fill(line, 20, policy=policy)
    kills = 0

    def disturb() -> None:
        nonlocal kills
        kills += 1
        wait_until(lambda: running.pids("workers sessions"), "there is a session worker")
        running.kill("workers sessions")
        if kills == 2:
            empty_and_restart_redis(running)

    drain(lines, 200, KILL_EVERY_SECONDS, disturb)
    verdict = judge(lines)
    assert kills >= 2
    assert not verdict.out_of_order and not verdict.untruths, verdict
    assert verdict.uncertain_most <= kills
    if policy == "hold":
        assert not verdict.twice and verdict.missing == verdict.settled, verdict
    else:
        assert not verdict.missing and verdict.twice <= kills * len(lines), verdict


def test_a_key_whose_send_was_killed_in_flight_sends_once(running: Installation) -> None:
    (line,) = make_lines(running, 1, "65")
    phone = line.session.status()["phoneNumber"]
    running.api("POST", "/api/sandbox/fault", {"numero": phone, "kind": "lost_ack"})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(keyed, line.session, line.friend.number, "em voo")
        line.friend.wait_text("em voo")
        running.kill("workers sessions")
        first.result()
    line.session.wait_state("connected", 60)
    again = keyed(line.session, line.friend.number, "em voo")
    assert again.status_code in (200, 504), again.text
    assert line.friend.texts() == ["em voo"]


def test_a_lost_ack_is_told_truthfully_and_later(running: Installation) -> None:
    """Its caller gets 504 with a reference in time; the receipt tells that it came; nobody else notices."""
    stuck, neighbour = make_lines(running, 2, "66")
    phone = stuck.session.status()["phoneNumber"]
    running.api("POST", "/api/sandbox/fault", {"numero": phone, "kind": "lost_ack"})
    with (
        SocketListener(running.base, stuck.session.key, events=["queue_update"]) as socket,
        ThreadPoolExecutor(1) as pool,
    ):
        lost = pool.submit(stuck.session.try_send, stuck.friend.number, "sem ack")
        stuck.friend.wait_text("sem ack")
        slowest = 0.0
        while not lost.done():
            began = time.monotonic()
            stuck.session.api("GET", "/api/contact/blocklist")
            neighbour.session.send(neighbour.friend.number, "vizinho")
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 2
        answer = lost.result()
        assert answer.status_code == 504
        reference = answer.json()["reference"]
        event = socket.wait_event("queue_update", lambda data: data["id"] == reference, 120)
    assert event["data"]["state"] == "sent"
    assert event["data"]["messageId"] == stuck.friend.inbox()[0]["id"]
    assert stuck.session.api("GET", f"/api/chat/queue/{reference}")["data"]["state"] == "sent"


def test_a_queue_waits_for_the_database(make_installation: Callable[..., Installation]) -> None:
    """Somebody holds SQLite's write lock for longer than a writer waits, with one message after the other due."""
    running = make_installation().start()
    (line,) = make_lines(running, 1, "59")
    fill(line, 12, gap=200)
    line.friend.wait_text(line.texts[1])
    with closing(sqlite3.connect(running.data_dir / "flashapi.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)  # the outage itself
        holder.execute("ROLLBACK")
    wait_empty([line])
    assert line.friend.texts() == line.texts


def test_a_direct_send_types_for_as_long_as_it_is_told_to(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    (line,) = make_lines(running, 1, "58")
    began = time.monotonic()
    line.session.send(line.friend.number, "depois de pensar", delay=TYPING_MS)
    assert time.monotonic() - began >= TYPING_MS / 1_000
    assert line.friend.texts() == ["depois de pensar"]


def test_a_receipt_that_came_before_a_kill_settles_the_doubt(running: Installation) -> None:
    """It came while the send was in flight, so that it could have been anybody's."""
    (line,) = make_lines(running, 1, "67")
    running.api("POST", "/api/sandbox/fault", {"numero": line.session.status()["phoneNumber"], "kind": "lost_ack"})
    with (
        SocketListener(running.base, line.session.key, events=["message_update"]) as socket,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(keyed, line.session, line.friend.number, "recebida")
        socket.wait_event("message_update", lambda data: data["status"] == "delivered", 30)
        running.kill("workers sessions")
        first.result()
    line.session.wait_state("connected", 60)
    (send,) = line.session.api("GET", "/api/chat/queue")["data"]["sends"]
    assert (send["state"], send["messageId"]) == ("sent", line.friend.inbox()[0]["id"])
    assert keyed(line.session, line.friend.number, "recebida").json()["data"]["id"] == send["messageId"]
    assert line.friend.texts() == ["recebida"]
