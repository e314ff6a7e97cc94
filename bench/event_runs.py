"""Events through failing receivers, crashes and lost Redis data, on both databases; writes docs/event-runs.md.

`python -m bench.event_runs [run | run/database ...]` for some of the runs only; the figures of the others stay.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from standardwebhooks import Webhook, WebhookVerificationError

from bench.event_storms import storms
from bench.measure import fresh_installation
from bench.page import Figures, Page
from tests.support.databases import database_of
from tests.support.eventing import (
    Writer,
    begin,
    deliveries_of,
    log_since,
    milliseconds,
    pair,
    take_account,
    wait_delivered,
    wait_quiet,
)
from tests.support.installation import Installation
from tests.support.receivers import Delivery, Receiver
from tests.support.servers import free_port, wait_until


@contextmanager
def installation(kind: str) -> Iterator[Installation]:
    """A running installation on this database, whose webhooks may go to this machine."""
    with database_of(kind) as variables, fresh_installation(**variables, ALLOW_PRIVATE_URLS="true") as running:
        yield running


def verify(secret: str, deliveries: Sequence[Delivery]) -> int:
    """How many the public package does not take for genuine. The clock is that of the delivery."""
    refused = 0
    for delivery in deliveries:
        try:
            Webhook(secret).verify(delivery.raw, delivery.headers)
        except WebhookVerificationError:
            refused += 1
    return refused


class Unreliable:
    """A receiver that is down, then slow for a while, then fails every third time; each verified as it comes."""

    def __init__(self, secret: str, slow: int, slow_seconds: float) -> None:
        self.secret = secret
        self.slow = slow
        self.slow_seconds = slow_seconds
        self.calls = 0
        self.refused = 0

    def decide(self, delivery: Delivery) -> int:
        """The status to answer with; called on the receiver's threads, of which one is at work."""
        self.refused += verify(self.secret, [delivery])
        self.calls += 1
        if self.calls <= self.slow:
            time.sleep(self.slow_seconds)  # this is what it is there for
            return 200
        return 500 if self.calls % 3 == 0 else 200


def unreliable(
    running: Installation, *, events: int, down: float, slow: int, slow_seconds: float, patience: float
) -> Figures:
    """Must show 1: a receiver down, then slow, then failing every third time."""
    session, own, other = pair(running, 1)
    port = free_port()
    made, start = begin(session, f"http://127.0.0.1:{port}/hook", ["message_received"])
    receiver = Receiver(port)
    receiver.server.server_close()  # nobody listens yet
    began = time.monotonic()
    with Writer(other, own, 25, events) as writer:
        wait_until(lambda: time.monotonic() - began >= down and writer.sent == events, "it has been down", down + 300)
    behaviour = Unreliable(made["secret"], slow, slow_seconds)
    receiver = Receiver(port)
    receiver.decide = behaviour.decide
    with receiver:
        done = wait_delivered(session, made["id"], patience)
        seconds = time.monotonic() - began
        wait_quiet(running, session, writer.last_text, 60)
        log = [event for event in log_since(running, session.key, start) if event["event"] == "message_received"]
        rows = deliveries_of(session, made["id"])
        account = take_account(log, rows, [each.event_id for each in receiver.taken], None)
        # A time range in the middle, by the events' own times, asked for again.
        first, last = log[len(log) // 5], log[len(log) // 2]
        asked = [event["id"] for event in log if first["timestamp"] <= event["timestamp"] <= last["timestamp"]]
        before = len(receiver.taken)
        body = {"from": first["timestamp"], "to": last["timestamp"]}
        replayed = session.api("POST", f"/api/webhook/{made['id']}/replay", body)["data"]["replayed"]
        done = wait_delivered(session, made["id"], patience) and done
        again = list(dict.fromkeys(each.event_id for each in receiver.taken[before:]))
    moved = sum(each["moved"] for each in rows)
    good = (
        done
        and account.faultless
        and len(log) == events
        and again == asked
        and not behaviour.refused
        and not moved
        and replayed == len(asked)
    )
    return {
        "events": str(len(log)),
        "calls answered": str(behaviour.calls),
        "delivered": str(account.states["delivered"]),
        "out of order": str(account.out_of_order_at_receiver),
        "moved to the slow lane": str(moved),
        "signatures refused by standardwebhooks": str(behaviour.refused),
        "replay by time range: asked, delivered": f"{len(asked)}, {len(again)}",
        "minutes until all were there": f"{seconds / 60:.1f}",
        "as it should be": "yes" if good else "NO",
    }


def hanging(running: Installation, *, events: int, per_second: float, rounds: int) -> Figures:
    """Must show 2: ten endpoints, one of which never answers, against nine alone, in turn."""
    session, own, other = pair(running, 2)

    def lags(with_tenth: bool) -> list[int]:
        with ExitStack() as stack:
            receivers = [stack.enter_context(Receiver()) for _ in range(10 if with_tenth else 9)]
            if with_tenth:
                receivers[9].may_answer.clear()
                stack.callback(receivers[9].may_answer.set)
            made = [begin(session, each.url, ["message_received"])[0]["id"] for each in receivers]
            with Writer(other, own, per_second, events):
                wait_until(lambda: all(len(each.taken) >= events for each in receivers[:9]), "all nine have all", 180)
            for webhook in made:
                session.api("DELETE", f"/api/webhook/{webhook}")
            return sorted(
                delivery.wall_ms - milliseconds(delivery.body["timestamp"])
                for receiver in receivers[:9]
                for delivery in receiver.taken
            )

    measured: dict[bool, list[list[int]]] = {False: [], True: []}
    for _ in range(rounds):
        for with_tenth in (False, True):
            measured[with_tenth].append(lags(with_tenth))
    found: Figures = {"events to each": f"{events} at {per_second:g}/s, {rounds} times"}
    for with_tenth, name in ((False, "nine alone"), (True, "nine beside a hanging one")):
        for share in (0.5, 0.99):
            found[f"{name}: p{share * 100:g} ms"] = ", ".join(str(_share(each, share)) for each in measured[with_tenth])
    alone, beside = (statistics.median(_share(each, 0.99) for each in measured[tenth]) for tenth in (False, True))
    return {**found, "median p99, beside / alone": f"{beside / alone:.2f}"}


def _share(ordered: Sequence[int], part: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def _run_unreliable(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield unreliable(running, events=500, down=120, slow=20, slow_seconds=3, patience=1_800)


def _run_hanging(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield hanging(running, events=200, per_second=10, rounds=3)


def _run_storms(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield from storms(running, seconds=60, per_second=50, cuts=20)


PAGE = Page(
    "event-runs",
    "Events, run by run",
    "A lag is from the moment the event was recorded to its arrival at the receiver. Repetitions carry the id of the "
    "first delivery; order is that of the first time each was seen.",
    {
        "unreliable": (
            "A receiver down for two minutes, then slow (3 s, twenty times), then failing every third time",
            _run_unreliable,
        ),
        "hanging": ("Ten endpoints, one of which never answers: the lag of the nine others", _run_hanging),
        "storms": (
            "Two sessions with a WebSocket client each, cut off twenty times a minute, under 50 events/s in all; web, "
            "webhook and session processes and Redis are killed (-9) once each, and Redis is emptied (FLUSHALL) once",
            _run_storms,
        ),
    },
)


if __name__ == "__main__":
    PAGE.make(sys.argv[1:])
