"""The send queue end to end, on both databases: through kills, at its times, by its keys, under restriction."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.support.databases import KINDS, database_of
from tests.support.installation import Installation, Session
from tests.support.listeners import SocketListener
from tests.support.queueing import Line, drain, empty_and_restart_redis, fill, intervals, judge, length, make_lines
from tests.support.servers import NoServer, wait_until

KILL_EVERY_SECONDS = 8.0
GAP_MS = 1_200
CALLERS = 50


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation per database for the tests that leave it as it was."""
    try:
        with database_of(request.param) as variables:
            folder = tmp_path_factory.mktemp(f"fila-{request.param}")
            with Installation(folder, variables | {"RATE_LIMIT_MAX_REQUESTS": "100000"}) as started:
                yield started.start()
    except NoServer as reason:
        pytest.skip(str(reason))


def emptied(lines: list[Line], seconds: float = 60) -> None:
    wait_until(lambda: not any(length(line.session) for line in lines), "the queues are empty", seconds)


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


@pytest.mark.alone
def test_gaps_keep_their_time(running: Installation) -> None:
    lines = make_lines(running, 5, "62")
    for line in lines:
        fill(line, 8, gap=GAP_MS)
    emptied(lines)
    off = sorted(abs(interval - GAP_MS) for interval in intervals(lines))
    assert len(off) == 5 * 6
    assert off[len(off) // 2] <= 10 and off[-1] <= 50, off


@pytest.mark.alone
def test_a_moment_is_kept(running: Installation) -> None:
    (line,) = make_lines(running, 1, "63")
    line.session.api("PUT", "/api/config/queue", {"gap": 0})
    base = time.time() + 4
    asked = {f"às {number}": int((base + number * 0.7) * 1_000) for number in range(4)}
    for text, at in reversed(asked.items()):
        when = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds")
        line.session.send(line.friend.number, text, sendAt=when)
    line.session.send(line.friend.number, "ninguém espera", useQueue=True)
    line.friend.wait_text("às 3")
    entries = line.friend.inbox()
    assert [entry["text"] for entry in entries] == ["ninguém espera", *asked]
    for entry in entries[1:]:
        assert 0 <= entry["shownAt"] - asked[entry["text"]] <= 60


def keyed(session: Session, to: str, text: str, **extra: Any) -> requests.Response:
    running = session.installation
    body = {"to": to, "text": text, "linkPreview": False, **extra}
    headers = {"apikey": session.key, "Idempotency-Key": f"chave {text}"}
    return requests.post(f"{running.base}/api/chat/send-text", json=body, headers=headers, timeout=90)


def test_one_key_is_one_message(running: Installation) -> None:
    (line,) = make_lines(running, 1, "64")
    for text, extra in (("direta", {}), ("na fila", {"useQueue": True})):
        with ThreadPoolExecutor(CALLERS) as pool:
            calls = [pool.submit(keyed, line.session, line.friend.number, text, **extra) for _ in range(CALLERS)]
            answers = [call.result() for call in calls]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["data"]["id"] for answer in answers}) == 1
        line.friend.wait_text(text)
    emptied([line])
    assert line.friend.texts() == ["direta", "na fila"]
    assert keyed(line.session, line.friend.number, "direta", delay=1).status_code == 400


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


def test_a_restricted_account_goes_on_with_those_who_wrote(running: Installation) -> None:
    (line,) = make_lines(running, 1, "67")
    warm = running.phone("5511967900003")
    warm.do("send", to=line.session.status()["phoneNumber"], text="oi, loja")
    phone = line.session.status()["phoneNumber"]
    line.session.api("PUT", "/api/config/queue", {"gap": 0})

    def knows_them() -> bool:
        chats = line.session.api("GET", "/api/chat/chats")["data"]
        return any(warm.jid in str(chat) for chat in (chats if isinstance(chats, list) else chats["chats"]))

    wait_until(knows_them, "the message has come")
    with SocketListener(running.base, line.session.key, events=["session_restricted"]) as socket:
        running.api("POST", "/api/sandbox/fault", {"numero": phone, "kind": "nack", "code": 463, "count": 1})
        cold = line.session.send(line.friend.number, "conversa nova", useQueue=True)
        restricted = socket.wait_event("session_restricted")
    assert restricted["data"]["code"] == "463"
    wait_until(
        lambda: line.session.api("GET", f"/api/chat/queue/{cold['id']}")["data"]["state"] == "scheduled", "it waits"
    )
    later = line.session.send(line.friend.number, "outra nova", useQueue=True)
    line.session.send(warm.number, "olá de volta", useQueue=True)
    warm.wait_text("olá de volta")
    assert line.session.api("GET", f"/api/chat/queue/{later['id']}")["data"]["state"] == "scheduled"
    refused = line.session.try_send(line.friend.number, "direta")
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 3_000
    assert line.session.status()["restriction"]["code"] == "463"
    assert line.friend.texts() == []


def test_the_guard_holds_queued_sends_and_refuses_direct_ones(running: Installation) -> None:
    (line,) = make_lines(running, 1, "68")
    line.session.api("PUT", "/api/config/queue", {"gap": 0, "pacing": {"perMinute": 3}})
    for number in range(5):
        line.session.send(line.friend.number, f"ritmo {number}", useQueue=True)
    line.friend.wait_text("ritmo 2")
    refused = line.session.try_send(line.friend.number, "direta")
    assert refused.status_code == 429 and 50 <= int(refused.headers["Retry-After"]) <= 60
    assert line.session.api("GET", "/api/chat/queue/status")["data"]["queueLength"] == 2
    line.session.api("PUT", "/api/config/queue", {"pacing": None})
    line.friend.wait_text("ritmo 4")
    assert line.friend.texts() == [f"ritmo {number}" for number in range(5)]


def test_a_paused_queue_waits_and_direct_sends_go_on(running: Installation) -> None:
    (line,) = make_lines(running, 1, "69")
    line.session.api("POST", "/api/chat/queue/pause")
    line.session.send(line.friend.number, "na fila", useQueue=True)
    line.session.send(line.friend.number, "urgente", useQueue=True, priority=5)
    cancelled = line.session.send(line.friend.number, "cancelada", useQueue=True)
    line.session.send(line.friend.number, "direta")
    line.session.api("DELETE", f"/api/chat/queue/{cancelled['id']}")
    assert line.friend.texts() == ["direta"]
    line.session.api("POST", "/api/chat/queue/resume")
    line.friend.wait_text("na fila")
    emptied([line])
    assert line.friend.texts() == ["direta", "urgente", "na fila"]
