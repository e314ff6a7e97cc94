"""Runs of the send queue through crashes, shared by the short tests and the long runs of `bench.queue_runs`.

Every judgement is the phones': what they show, in which order, how often.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import requests

from flashapi.connections import create_engine
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox, queues, rank_of
from tests.support.installation import Installation, Phone, Refused, Session
from tests.support.servers import wait_until

OPEN = ("queued", "scheduled", "sending")


@dataclass
class Line:
    """A session and the friend it writes to."""

    session: Session
    friend: Phone
    texts: list[str] = field(default_factory=list)


@dataclass
class Verdict:
    """What came of a run, summed over its lines."""

    asked: int = 0
    once: int = 0
    twice: int = 0
    missing: int = 0
    out_of_order: int = 0
    uncertain: int = 0
    uncertain_most: int = 0
    """In one session."""
    settled: int = 0
    """Missing at the phone and, truthfully, not told as sent."""
    untruths: list[str] = field(default_factory=list)


def make_lines(running: Installation, count: int, prefix: str) -> list[Line]:
    """So many paired sessions, each with a phone of its own to write to."""
    lines = []
    for number in range(count):
        own = running.phone(f"55119{prefix}{number:03}1")
        friend = running.phone(f"55119{prefix}{number:03}2")
        lines.append(Line(running.paired(f"fila-{prefix}-{number:03}", own), friend))
    return lines


def fill(line: Line, count: int, **settings: Any) -> None:
    """Put so many texts into the line's queue, in one call."""
    if settings:
        line.session.api("PUT", "/api/config/queue", settings)
    texts = [f"{line.session.name} {number:04}" for number in range(count)]
    messages = [{"type": "text", "to": line.friend.number, "text": text} for text in texts]
    line.session.api("POST", "/api/chat/send-bulk", {"messages": messages})
    line.texts += texts


def length(session: Session) -> int:
    """How many rows are still to go or going; a high number while the API doesn't answer."""
    try:
        status = session.api("GET", "/api/chat/queue/status")["data"]
    except Refused:
        return 1_000_000
    return int(status["queueLength"]) + int(status["processing"])


def drain(lines: Sequence[Line], seconds: float, every: float, disturb: Callable[[], object]) -> int:
    """Call `disturb` every so many seconds until all queues are empty; how often that was."""
    disturbed = 0
    next_at = time.monotonic() + every
    ends = time.monotonic() + seconds
    while any(length(line.session) for line in lines):
        assert time.monotonic() < ends, f"not empty after {seconds:g} s"
        if time.monotonic() >= next_at:
            disturb()
            disturbed += 1
            next_at += every
        threading.Event().wait(0.2)
    return disturbed


def judge(lines: Sequence[Line]) -> Verdict:
    """Compare what was asked with what the phones show and with what the API says of each row."""
    verdict = Verdict()
    for line in lines:
        shown = [text for text in line.friend.texts() if text.startswith(f"{line.session.name} ")]
        times = Counter(shown)
        states = _states(line.session)
        firsts = list(dict.fromkeys(shown))
        verdict.asked += len(line.texts)
        verdict.once += sum(times[text] == 1 for text in line.texts)
        verdict.twice += sum(times[text] > 1 for text in line.texts)
        verdict.missing += sum(times[text] == 0 for text in line.texts)
        verdict.out_of_order += sum(a > b for a, b in zip(firsts, firsts[1:], strict=False))
        uncertain = sum(state == "uncertain" for state in states)
        verdict.uncertain += uncertain
        verdict.uncertain_most = max(verdict.uncertain_most, uncertain)
        for text, state in zip(line.texts, states, strict=True):
            if state == "sent" and not times[text]:
                verdict.untruths.append(f"{text}: sent, but nobody has it")
            if state not in ("sent", "uncertain"):
                verdict.untruths.append(f"{text}: {state}")
            if state == "uncertain" and not times[text]:
                verdict.settled += 1
    return verdict


def _states(session: Session) -> list[str]:
    """Of all queued sends of the session, the oldest first."""
    states: list[str] = []
    before = ""
    while True:
        page = session.api("GET", f"/api/chat/queue?limit=500{before}")["data"]
        states += [row["state"] for row in page["sends"] if row["queued"]]
        if page["next"] is None:
            return states[::-1]
        before = f"&before={page['next']}"


def empty_and_restart_redis(running: Installation) -> None:
    """FLUSHALL, then kill -9: the supervisor starts it again."""
    socket = running.data_dir / "redis" / "redis.sock"
    with redis.Redis(unix_socket_path=str(socket)) as client:
        client.flushall()
    running.kill("redis.sock")

    def answers() -> bool:
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    wait_until(answers, "Redis answers again")


def intervals(lines: Sequence[Line], skip: int = 1) -> list[float]:
    """The times between a phone's consecutive messages, in ms, the first few of each line left out."""
    found: list[float] = []
    for line in lines:
        moments = [entry["shownAt"] for entry in line.friend.inbox() if entry["text"] in set(line.texts)]
        found += [after - before for before, after in zip(moments[skip:], moments[skip + 1 :], strict=False)]
    return found


def stuff(url: str, session: Session, to: str, count: int) -> None:
    """Put so many rows into a queue as `accept` would, without the calls it takes."""
    engine = create_engine(url, 1)
    row = {
        "session_id": session.id, "action": "send_text", "recipient": to, "direct": False,
        "payload": json.dumps({"text": "recheio", "preview": None}), "rank": rank_of(0), "due_at": 0, "delay_ms": 0,
        "state": SendState.QUEUED, "attempts": 0, "epoch": 0, "created_at": now_ms(),
    }  # fmt: skip
    with engine.begin() as connection:
        for first in range(0, count, 5_000):
            connection.execute(outbox.insert(), [row] * min(5_000, count - first))
        added = queues.update().where(queues.c.session_id == session.id).values(queued=queues.c.queued + count)
        assert connection.execute(added).rowcount, "the session's queue has been used before"
    engine.dispose()


def wait_empty(lines: list[Line], seconds: float = 60) -> None:
    """Wait until nothing of these queues is left to go."""
    wait_until(lambda: not any(length(line.session) for line in lines), "the queues are empty", seconds)


def keyed(session: Session, to: str, text: str, **extra: Any) -> requests.Response:
    """Send a text under an Idempotency-Key made of it, whatever comes of it."""
    running = session.installation
    body = {"to": to, "text": text, "linkPreview": False, **extra}
    headers = {"apikey": session.key, "Idempotency-Key": f"chave {text}"}
    return requests.post(f"{running.base}/api/chat/send-text", json=body, headers=headers, timeout=90)
