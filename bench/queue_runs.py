"""The send queue through crashes, at its times and under its load, on both databases; writes docs/queue-runs.md.

`python -m bench.queue_runs [run | run/database ...]` for some of the runs only; the figures of the others stay.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench.measure import fresh_installation
from bench.page import Figures, Page
from tests.support.databases import database_of, url_of
from tests.support.installation import Installation, Session
from tests.support.listeners import SocketListener
from tests.support.queueing import (
    Verdict,
    drain,
    empty_and_restart_redis,
    fill,
    intervals,
    judge,
    keyed,
    length,
    make_lines,
    stuff,
)
from tests.support.servers import wait_until

SESSIONS, EACH = 10, 100
KILL_EVERY_SECONDS = 8.0
GAP_MS = 1_200
SENDERS, TIMED_EACH = 20, 25
STUFFED = 100_000
CALLERS = 50


@contextmanager
def installation(kind: str, **environ: str) -> Iterator[tuple[Installation, str]]:
    """A running installation on this database, and the database's URL."""
    limits = {"RATE_LIMIT_MAX_REQUESTS": "1000000"}
    with database_of(kind) as variables, fresh_installation(**variables, **limits, **environ) as running:
        url = url_of(variables) if variables else f"sqlite:///{running.data_dir / 'flashapi.sqlite'}"
        yield running, url


def crashes(kind: str, policy: str, lose_redis: bool = False) -> Figures:
    """Queues drained while the session workers are killed again and again."""
    with installation(kind) as (running, _):
        lines = make_lines(running, SESSIONS, "70")
        for line in lines:
            fill(line, EACH, policy=policy)
        kills = 0

        def disturb() -> None:
            nonlocal kills
            kills += 1
            wait_until(lambda: running.pids("workers sessions"), "there is a session worker")
            running.kill("workers sessions")
            if lose_redis and kills == 6:
                empty_and_restart_redis(running)

        began = time.monotonic()
        drain(lines, 900, KILL_EVERY_SECONDS, disturb)
        seconds = time.monotonic() - began
        wait_until(lambda: all(line.session.status()["status"] == "connected" for line in lines), "all are back", 60)
        verdict = judge(lines)
        return {"kills": str(kills), "seconds": f"{seconds:.0f}", **_as_figures(verdict, policy, kills)}


def _as_figures(verdict: Verdict, policy: str, kills: int) -> Figures:
    at_most = SESSIONS * kills
    good = not verdict.out_of_order and not verdict.untruths and verdict.uncertain_most <= kills
    if policy == "hold":
        good = good and not verdict.twice and verdict.missing == verdict.settled
    else:
        good = good and not verdict.missing and verdict.twice <= at_most
    return {
        "asked": str(verdict.asked),
        "once": str(verdict.once),
        "twice": str(verdict.twice),
        "missing": str(verdict.missing),
        "of these uncertain": str(verdict.settled),
        "uncertain in all": str(verdict.uncertain),
        "out of order": str(verdict.out_of_order),
        "said wrongly": str(len(verdict.untruths)),
        "holds": _yes(good),
    }


def gaps(kind: str) -> Figures:
    """The times between messages at the phones, twenty sessions sending."""
    with installation(kind) as (running, _):
        lines = make_lines(running, SENDERS, "71")
        for line in lines:
            fill(line, TIMED_EACH, gap=GAP_MS)
        wait_until(lambda: not any(length(line.session) for line in lines), "all queues are empty", 120)
        off = sorted(abs(interval - GAP_MS) for interval in intervals(lines))
        return _deviations(off)


def appointments(kind: str) -> Figures:
    """`sendAt`: when the phones show the messages, against when they were to be sent."""
    with installation(kind) as (running, _):
        lines = make_lines(running, SENDERS, "72")
        start = time.time() + 15
        asked: dict[str, int] = {}
        for number, line in enumerate(lines):
            line.session.api("PUT", "/api/config/queue", {"gap": 0})
            messages = []
            for step in range(10):
                at = int((start + step * 1.7 + number * 0.071) * 1_000)
                text = f"{line.session.name} {step:04}"
                asked[text] = at
                when = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds")
                messages.append({"type": "text", "to": line.friend.number, "text": text, "sendAt": when})
            line.session.api("POST", "/api/chat/send-bulk", {"messages": messages})
        assert time.time() < start, "all was accepted before the first was due"
        wait_until(lambda: not any(length(line.session) for line in lines), "all queues are empty", 120)
        shown = {entry["text"]: entry["shownAt"] for line in lines for entry in line.friend.inbox()}
        late = [shown[text] - at for text, at in asked.items()]
        return {"earliest": f"{min(late):.0f}", **_deviations(sorted(abs(each) for each in late))}


def _deviations(off: Sequence[float]) -> Figures:
    p50, p99 = off[len(off) // 2], off[int(len(off) * 0.99)]
    return {
        "measured": str(len(off)),
        "p50 off by ms": f"{p50:.0f}",
        "p99 off by ms": f"{p99:.0f}",
        "most off by ms": f"{off[-1]:.0f}",
        "holds": _yes(p50 <= 10 and p99 <= 50),
    }


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
        running.api("POST", "/api/sandbox/fault", {"numero": line.session.status()["phoneNumber"], "kind": "lost_ack"})
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(keyed, line.session, line.friend.number, "em voo")
            line.friend.wait_text("em voo")
            running.kill("workers sessions")
            line.session.wait_state("connected", 60)
            again = keyed(line.session, line.friend.number, "em voo")
            statuses = f"{first.result().status_code}, {again.status_code}"
        other = keyed(line.session, line.friend.number, "em voo", delay=1)
        times = line.friend.texts().count("em voo")
        figures["killed in flight: answers"] = statuses
        figures["killed in flight: at the phone"] = str(times)
        figures["another body"] = str(other.status_code)
        good = all(figures[f"{name}: ids"] == figures[f"{name}: at the phone"] == "1" for name in ("direct", "queued"))
        figures["holds"] = _yes(good and times == 1 and other.status_code == 400)
        return figures


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
            ThreadPoolExecutor(1) as pool,
        ):
            began = time.monotonic()
            lost = pool.submit(stuck.session.try_send, stuck.friend.number, "sem ack")
            stuck.friend.wait_text("sem ack")
            asked: list[float] = []
            sent: list[float] = []
            while not lost.done():
                asked.append(_seconds(lambda: stuck.session.api("GET", "/api/contact/blocklist")))
                sent.append(_seconds(lambda: neighbour.session.send(neighbour.friend.number, f"vizinho {len(sent)}")))
                time.sleep(0.1)
            answer = lost.result()
            waited = time.monotonic() - began
            reference = answer.json().get("reference")
            event = socket.wait_event("queue_update", lambda data: data["id"] == reference, 120)
            told = time.monotonic() - began
        row = stuck.session.api("GET", f"/api/chat/queue/{reference}")["data"]
        figures = {
            "answer": f"{answer.status_code} after {waited:.1f} s",
            "questions p50/max ms": f"{statistics.median(asked) * 1000:.0f}/{max(asked) * 1000:.0f}",
            "neighbour's sends p50/max ms": f"{statistics.median(sent) * 1000:.0f}/{max(sent) * 1000:.0f}",
            "event": f"{event['data']['state']} after {told:.0f} s",
            "by reference": row["state"],
        }
        good = answer.status_code == 504 and max(asked) < 1 and max(sent) < 1 and row["state"] == "sent"
        return {**figures, "holds": _yes(good)}


def stuffed(kind: str) -> Figures:
    """Accepting, listing and sending with an empty queue and with a hundred thousand rows in it."""
    with installation(kind) as (running, url):
        (line,) = make_lines(running, 1, "75")
        line.session.api("PUT", "/api/config/queue", {"gap": 0})
        figures: Figures = {}
        measured: dict[str, list[float]] = {}
        for name in ("empty", "full"):
            line.session.api("POST", "/api/chat/queue/pause")
            if name == "full":
                stuff(url, line.session, STUFFED)
            measured[name] = [
                _median(lambda: line.session.send("5511900000001", "aceita", useQueue=True)),
                _median(lambda: line.session.api("GET", "/api/chat/queue?limit=50&state=queued")),
                _median(lambda: line.session.api("GET", "/api/chat/queue?limit=50&state=failed")),
                _median(lambda: line.session.api("GET", "/api/chat/queue/status")),
                1 / _drained_per_second(line.session, line.friend.number),
            ]
        for index, what in enumerate(("accept", "list queued", "list failed", "status", "send one")):
            empty, full = measured["empty"][index], measured["full"][index]
            figures[f"{what} ms, empty → full"] = f"{empty * 1000:.1f} → {full * 1000:.1f}"
        flat = all(b < 2 * a + 0.002 for a, b in zip(*measured.values(), strict=True))
        return {**figures, "holds": _yes(flat)}


def _drained_per_second(session: Session, to: str) -> float:
    """How fast the runner sends important rows, which stand in front of all that waits."""
    count = 100
    messages = [{"type": "text", "to": to, "text": f"importante {n}", "priority": 99} for n in range(count)]
    session.api("POST", "/api/chat/send-bulk", {"messages": messages})
    newest = session.api("GET", "/api/chat/queue?limit=1")["data"]["sends"][0]["id"]
    session.api("POST", "/api/chat/queue/resume")
    wait_until(lambda: session.api("GET", f"/api/chat/queue/{newest}")["data"]["state"] == "sent", "they are sent", 120)
    session.api("POST", "/api/chat/queue/pause")
    sends = session.api("GET", "/api/chat/queue?limit=500&state=sent")["data"]["sends"]
    moments = sorted(_ms(send["finishedAt"]) for send in sends if send["priority"] == 99)[-count:]
    return (count - 1) * 1_000 / (moments[-1] - moments[0])


def _ms(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1_000


def _median(action: Callable[[], object], times: int = 60) -> float:
    return statistics.median(_seconds(action) for _ in range(times))


def _seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _yes(good: bool) -> str:
    return "yes" if good else "NO"


def _once(run: Callable[[str], Figures]) -> Callable[[str], list[Figures]]:
    return lambda kind: [run(kind)]


PAGE = Page(
    "queue-runs",
    "The send queue, run by run",
    "",
    {
        "hold": (
            f"{SESSIONS * EACH} messages over {SESSIONS} sessions, kill -9 of the session workers every "
            f"{KILL_EVERY_SECONDS:g} s, policy `hold`",
            lambda kind: [crashes(kind, "hold")],
        ),
        "resend": ("The same with policy `resend`", lambda kind: [crashes(kind, "resend")]),
        "redis": (
            "The same with `hold`, and FLUSHALL and a kill -9 of Redis in the middle",
            lambda kind: [crashes(kind, "hold", lose_redis=True)],
        ),
        "gaps": (f"A gap of {GAP_MS} ms, {SENDERS} sessions sending, between messages at the phones", _once(gaps)),
        "appointments": (f"`sendAt`, {SENDERS} sessions sending, at the phones", _once(appointments)),
        "keys": (f"One Idempotency-Key from {CALLERS} clients at once, and one killed in flight", _once(keys)),
        "lost_ack": ("A lost ack", _once(lost_ack)),
        "stuffed": (f"{STUFFED:,} rows queued", _once(stuffed)),
    },
)


if __name__ == "__main__":
    PAGE.make(sys.argv[1:])
