"""What goes wrong in one place stays there: a held database lock, a peer that never answers, a lost ack."""

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.installation import Installation, Session, timed
from tests.support.servers import wait_until

pytestmark = pytest.mark.alone
HEALTH_WITHIN_SECONDS = 0.05
SEND_WITHIN_SECONDS = 1.0
LOCKED_SECONDS = 2.0


def test_health_answers_while_sqlite_is_locked(make_installation: Callable[..., Installation]) -> None:
    running = make_installation(WEB_WORKERS="2").start()
    session = running.session("escreve-muito")
    holder = sqlite3.connect(running.data_dir / "flashapi.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    held_until = time.monotonic() + LOCKED_SECONDS
    with ThreadPoolExecutor(8) as pool:
        # Every web process has writers that wait for the lock. A new connection for each call reaches both of them.
        writing = [
            pool.submit(running.request, "POST", f"/api/session/{session.name}/key", {}) for _ in range(8)
        ]
        slowest = 0.0
        while time.monotonic() < held_until:
            slowest = max(slowest, timed(lambda: requests.get(f"{running.base}/health", timeout=5)))
        assert not any(call.done() for call in writing), "nobody wrote while the lock was held"
        holder.execute("ROLLBACK")
        assert [call.result().status_code for call in writing] == [200] * 8
    holder.close()
    assert slowest < HEALTH_WITHIN_SECONDS


def send_for(sessions: list[Session], to: str, until: threading.Event) -> list[float]:
    """Send with each session in turn until told to stop; how long each send took."""
    took: list[float] = []
    while not until.is_set():
        for session in sessions:
            took.append(timed(lambda session=session: session.send(to, f"vizinho {len(took)}")))
    return took


def test_one_black_hole_and_one_lost_ack_do_not_delay_the_others(
    make_installation: Callable[..., Installation],
) -> None:
    running = make_installation().start()
    phones = [running.phone(f"551193333000{number}") for number in range(5)]
    friend = running.phone("5511933330009")
    stuck, forgotten, *healthy = [running.paired(f"sessao-{phone.number}", phone) for phone in phones]
    running.api("POST", "/api/sandbox/fault", {"numero": phones[0].number, "kind": "blackhole", "seconds": 20})
    running.api("POST", "/api/sandbox/fault", {"numero": phones[1].number, "kind": "lost_ack", "count": 1})
    stuck.api("POST", "/api/session/reconnect", {})
    done = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        lost = pool.submit(forgotten.try_send, friend.number, "sem ack", )
        sends = pool.submit(send_for, healthy, friend.number, done)
        friend.wait_text("sem ack")
        time_is_up = time.monotonic() + 8
        wait_until(lambda: time.monotonic() > time_is_up or sends.done(), "eight seconds of sends")
        done.set()
        took = sends.result()
        assert len(took) > 10
        assert max(took) < SEND_WITHIN_SECONDS
        assert lost.result().status_code in (200, 504)
    running.api("DELETE", "/api/sandbox/fault")
    stuck.wait_state("connected", 60)
