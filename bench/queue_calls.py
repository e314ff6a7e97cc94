"""Calls that must tell the truth: one Idempotency-Key from many clients, kills in flight, a lost ack.

A part of `bench.queue_runs`.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from bench.page import Figures
from bench.queue_common import installation, seconds, yes_or_no
from tests.support.installation import Installation, Session
from tests.support.listeners import SocketListener
from tests.support.queueing import Line, keyed, make_lines

CALLERS = 50


def keys(kind: str) -> Figures:
    """One Idempotency-Key from fifty clients at once; then one whose send is killed in flight."""
    with installation(kind) as (running, _):
        (line,) = make_lines(running, 1, "73")
        figures: Figures = {}
        for name, extra in (("direct", {}), ("queued", {"useQueue": True})):
            answers = _at_once(line.session, line.friend.number, name, extra)
            line.friend.wait_text(name)
            ids = {answer.json()["data"]["id"] for answer in answers if answer.ok}
            figures[f"{name}: answers 200"] = str(sum(answer.ok for answer in answers))
            figures[f"{name}: ids"] = str(len(ids))
            figures[f"{name}: at the phone"] = str(line.friend.texts().count(name))
        times = []
        for name, process in (("worker killed", "workers sessions"), ("web killed", "gunicorn")):
            statuses = _killed_in_flight(running, line, name, process)
            times.append(line.friend.texts().count(name))
            figures[f"{name} in flight: answers"] = statuses
            figures[f"{name} in flight: at the phone"] = str(times[-1])
        other = keyed(line.session, line.friend.number, "web killed", delay=1)
        figures["another body"] = str(other.status_code)
        good = all(
            figures[f"{name}: answers 200"] == str(CALLERS)
            and figures[f"{name}: ids"] == figures[f"{name}: at the phone"] == "1"
            for name in ("direct", "queued")
        )
        figures["holds"] = yes_or_no(good and times == [1, 1] and other.status_code == 400)
        return figures


def _killed_in_flight(running: Installation, line: Line, text: str, process: str) -> str:
    """Send under a key, kill -9 while nobody has acknowledged it, ask again: what both callers were told."""
    running.api("POST", "/api/sandbox/fault", {"numero": line.session.status()["phoneNumber"], "kind": "lost_ack"})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_status, line, text)
        line.friend.wait_text(text)
        running.kill(process)
        running.wait_ready()
        line.session.wait_state("connected", 60)
        again = keyed(line.session, line.friend.number, text)
        return f"{first.result()}, {again.status_code}"


def _status(line: Line, text: str) -> str:
    try:
        return str(keyed(line.session, line.friend.number, text).status_code)
    except requests.ConnectionError:
        return "cut off"


def _at_once(session: Session, to: str, text: str, extra: dict[str, Any]) -> list[Any]:
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(keyed, session, to, text, **extra) for _ in range(CALLERS)]
        return [call.result() for call in calls]


def lost_ack(kind: str) -> Figures:
    """A send that WhatsApp never acknowledges: its caller, the session's questions, the neighbours, the outcome."""
    with installation(kind) as (running, _):
        stuck, neighbour = make_lines(running, 2, "74")
        phone = stuck.session.status()["phoneNumber"]
        running.api("POST", "/api/sandbox/fault", {"numero": phone, "kind": "lost_ack"})
        with (
            SocketListener(running.base, stuck.session.key, events=["queue_update"]) as socket,
            ThreadPoolExecutor(2) as pool,
        ):
            began = time.monotonic()
            lost = pool.submit(stuck.session.try_send, stuck.friend.number, "sem ack")
            stuck.friend.wait_text("sem ack")
            behind = pool.submit(stuck.session.try_send, stuck.friend.number, "atrás dele")
            asked: list[float] = []
            sent: list[float] = []
            while not lost.done():
                asked.append(seconds(lambda: stuck.session.api("GET", "/api/contact/blocklist")))
                sent.append(seconds(lambda: neighbour.session.send(neighbour.friend.number, f"vizinho {len(sent)}")))
                time.sleep(0.1)
            answer = lost.result()
            waited = time.monotonic() - began
            reference = answer.json().get("reference")
            event = socket.wait_event("queue_update", lambda data: data["id"] == reference, 120)
            told = time.monotonic() - began
        row = stuck.session.api("GET", f"/api/chat/queue/{reference}")["data"]
        other = behind.result()
        true = other.ok == ("atrás dele" in stuck.friend.texts())
        figures = {
            "answer": f"{answer.status_code} after {waited:.1f} s",
            "another direct send meanwhile": f"{other.status_code} after {other.elapsed.total_seconds():.1f} s",
            "questions p50/max ms": f"{statistics.median(asked) * 1000:.0f}/{max(asked) * 1000:.0f}",
            "neighbour's sends p50/max ms": f"{statistics.median(sent) * 1000:.0f}/{max(sent) * 1000:.0f}",
            "event": f"{event['data']['state']} after {told:.0f} s",
            "by reference": row["state"],
        }
        good = answer.status_code == 504 and waited < 31 and true and max(asked) < 1 and max(sent) < 1
        good = good and event["data"]["state"] == row["state"] == "sent"
        return {**figures, "holds": yes_or_no(good)}
