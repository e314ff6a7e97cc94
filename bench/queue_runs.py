"""The send queue through crashes, at its times and under its load, on both databases; writes docs/queue-runs.md.

`python -m bench.queue_runs [run | run/database ...]` for some of the runs only; the figures of the others stay.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.page import Figures, Page
from bench.queue_calls import CALLERS, keys, lost_ack
from bench.queue_common import installation, yes_or_no
from bench.queue_load import STUFFED, stuffed
from tests.support.queueing import (
    Verdict,
    drain,
    empty_and_restart_redis,
    fill,
    intervals,
    judge,
    length,
    make_lines,
)
from tests.support.servers import wait_until

SESSIONS, EACH = 10, 100
KILL_EVERY_SECONDS = 8.0
ACKS_LATE_MS = 300
"""So that kills fall between a message and its ack, too: the sandbox alone answers within a few."""
GAP_MS = 1_200
SENDERS, TIMED_EACH = 20, 25


def crashes(kind: str, policy: str, lose_redis: bool = False) -> Figures:
    """Queues drained while the session workers are killed again and again, most of them with a send in flight."""
    with installation(kind) as (running, _):
        lines = make_lines(running, SESSIONS, "70")
        for line in lines:
            slow = {"numero": line.session.status()["phoneNumber"], "kind": "slow", "ms": ACKS_LATE_MS}
            running.api("POST", "/api/sandbox/fault", slow)
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
        "holds": yes_or_no(good),
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
        "holds": yes_or_no(p50 <= 10 and p99 <= 50),
    }


def _once(run: Callable[[str], Figures]) -> Callable[[str], list[Figures]]:
    return lambda kind: [run(kind)]


PAGE = Page(
    "queue-runs",
    "The send queue, run by run",
    "",
    {
        "hold": (
            f"{SESSIONS * EACH} messages over {SESSIONS} sessions, acks {ACKS_LATE_MS} ms late, kill -9 of the session "
            f"workers every {KILL_EVERY_SECONDS:g} s, policy `hold`",
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
