"""Events through failing receivers, crashes and lost Redis data, on both databases; writes docs/event-runs.md.

`python -m bench.event_runs [run | run/database ...]` for some of the runs only; the figures of the others stay.
"""

import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from bench.measure import fresh_installation
from tests.support.databases import KINDS, database_of
from tests.support.eventing import (
    Account,
    Returning,
    Writer,
    begin,
    deliveries_of,
    flush_redis,
    log_since,
    milliseconds,
    take_account,
    wait_delivered,
    wait_quiet,
)
from tests.support.installation import Installation, Phone, Session
from tests.support.receivers import Delivery, Receiver
from tests.support.servers import free_port, wait_until

PAGE = Path(__file__).resolve().parent.parent / "docs" / "event-runs.md"
FIGURES = PAGE.with_suffix(".json")
STORMS = 5

Figures = dict[str, str]


@contextmanager
def installation(kind: str) -> Iterator[Installation]:
    """A running installation on this database, whose webhooks may go to this machine."""
    with database_of(kind) as variables, fresh_installation(**variables, ALLOW_PRIVATE_URLS="true") as running:
        yield running


def pair(running: Installation, number: int) -> tuple[Session, Phone, Phone]:
    """A connected session, its phone, and another phone that writes to it."""
    own, other = running.phone(f"55119400{number:05d}"), running.phone(f"55119500{number:05d}")
    return running.paired(f"eventos-{number}", own), own, other


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
        wait_quiet(running, session, f"texto {events - 1}", 60)
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


def hanging(running: Installation, *, events: int, per_second: float) -> Figures:
    """Must show 2: ten endpoints, one of which never answers."""
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

    def share(ordered: list[int], part: float) -> int:
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    found: Figures = {"events to each": f"{events} at {per_second:g}/s"}
    without, within = lags(False), lags(True)
    for name, ordered in (("nine alone", without), ("nine beside a hanging one", within)):
        found[f"{name}: p50, p99 ms"] = f"{share(ordered, 0.5)}, {share(ordered, 0.99)}"
    return found


def storm(running: Installation, number: int, *, seconds: float, per_second: float, cuts: int) -> Account:
    """Must show 3-5: a client cut off again and again while processes are killed and Redis loses its data."""
    session, own, other = pair(running, 10 + number)
    with Receiver() as receiver:
        made, start = begin(session, receiver.url)
        with Returning(running, session, start) as client, Writer(other, own, per_second) as writer:
            _disturb(running, client, seconds, cuts)
            writer.ended.set()
            writer.thread.join()
            running.wait_ready(120)
            wait_quiet(running, session, f"texto {writer.sent - 1}", 120)
            wait_delivered(session, made["id"], 180)
            log = log_since(running, session.key, start)
            heard = {event["id"] for event in log if event["event"] in ("message_received", "chats_update")}
            wait_until(lambda: heard <= client.ids.keys(), "the client has all", 60)
        rows = deliveries_of(session, made["id"])
        account = take_account(log, rows, [each.event_id for each in receiver.taken], client)
    return account


def _disturb(running: Installation, client: Returning, seconds: float, cuts: int) -> None:
    """Cut the client off `cuts` times within `seconds`, and between that kill each kind of process, and empty Redis."""
    deeds: list[Callable[[], Any]] = [
        lambda: _kill(running, "gunicorn"),
        lambda: _kill(running, "workers webhooks"),
        lambda: _kill(running, "redis.sock"),
        lambda: _kill(running, "workers sessions"),
        lambda: flush_redis(running),
    ]
    ended = threading.Event()
    for cut in range(cuts):
        ended.wait(seconds / cuts)
        if cut % max(1, cuts // len(deeds)) == 0 and deeds:
            deeds.pop(0)()
        client.cut()


def _kill(running: Installation, name: str) -> None:
    wait_until(lambda: running.pids(name), f"there is a process {name}", 60)
    running.kill(name)


def storms(running: Installation, runs: int = STORMS, **load: Any) -> Iterator[Figures]:
    """Several storms, one after the other, in one installation."""
    for number in range(runs):
        account = storm(running, number, **load)
        states = account.states
        yield {
            "recorded": str(account.recorded),
            "delivered + dead + waiting": f"{states['delivered']} + {states['dead']} + "
            f"{states['waiting'] + states['slow']}",
            "receiver: missing, repeated, out of order": f"{account.missing_at_receiver}, "
            f"{account.repeated_at_receiver}, {account.out_of_order_at_receiver}",
            "client: missing, repeated, out of order": f"{account.missing_at_client}, "
            f"{account.repeated_at_client}, {account.out_of_order_at_client}",
            "as it should be": "yes" if account.faultless else "NO",
        }


def _run_unreliable(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield unreliable(running, events=500, down=120, slow=20, slow_seconds=3, patience=1_800)


def _run_hanging(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield hanging(running, events=200, per_second=10)


def _run_storms(kind: str) -> Iterator[Figures]:
    with installation(kind) as running:
        yield from storms(running, seconds=60, per_second=50, cuts=20)


RUNS: dict[str, tuple[str, Callable[[str], Iterator[Figures]]]] = {
    "unreliable": (
        "A receiver down for two minutes, then slow (3 s, twenty times), then failing every third time",
        _run_unreliable,
    ),
    "hanging": ("Ten endpoints, one of which never answers: the lag of the nine others", _run_hanging),
    "storms": (
        "A WebSocket client cut off twenty times a minute, up to 50 messages/s; web, webhook and session processes "
        "and Redis are killed (-9) once each, and Redis is emptied (FLUSHALL) once",
        _run_storms,
    ),
}


def write_page(figures: dict[str, dict[str, list[Figures]]]) -> None:
    """The page, from all figures known."""
    parts = [
        "# Events, run by run",
        "Written by `python -m bench.event_runs`; not by hand. Everything runs on one machine: the processes of the "
        f"installation, the simulated network with its phones, the receivers and the database ({os.cpu_count()} cores, "
        f"{platform.machine()}). A lag is from the moment the event was recorded to its arrival at the receiver. "
        "Repetitions carry the id of the first delivery; order is that of the first time each was seen.",
    ]
    for name, (title, _) in RUNS.items():
        found = figures.get(name, {})
        columns = {
            f"{kind} {number}" if len(runs) > 1 else kind: run
            for kind, runs in found.items()
            for number, run in enumerate(runs, 1)
        }
        if not columns:
            continue
        rows = list(next(iter(columns.values())))
        if len(columns) > 2:
            table = [f"| | {' | '.join(rows)} |", "|---|" + "---|" * len(rows)]
            table += [f"| {column} | {' | '.join(run.values())} |" for column, run in columns.items()]
        else:
            table = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
            table += [f"| {row} | {' | '.join(run.get(row, '') for run in columns.values())} |" for row in rows]
        parts += [f"## {title}", "\n".join(table)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n\n".join(parts) + "\n")


def main(names: Sequence[str] = ()) -> None:
    """Make the runs, one after the other, and keep the page up with each."""
    for named in names or RUNS:
        name, _, only = named.partition("/")
        for kind in [only] if only else KINDS:
            found: list[Figures] = []
            for each in RUNS[name][1](kind):
                found.append(each)
                print(f"{name} on {kind}: {each}", flush=True)
                _keep(name, kind, found)


def _keep(name: str, kind: str, found: list[Figures]) -> None:
    figures: dict[str, dict[str, list[Figures]]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    figures.setdefault(name, {})[kind] = found
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    write_page(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
