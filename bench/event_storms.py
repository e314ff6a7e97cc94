"""Storms: events through killed processes and lost Redis data, to a receiver and to a client that is cut off.

A part of `bench.event_runs`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from bench.page import Figures
from tests.support.eventing import (
    Account,
    Returning,
    Writer,
    begin,
    deliveries_of,
    flush_redis,
    friend,
    log_since,
    pair,
    take_account,
    wait_delivered,
    wait_quiet,
)
from tests.support.installation import Installation
from tests.support.receivers import Receiver
from tests.support.servers import wait_until

STORMS = 5
WRITERS = 3
"""Phones that write in a storm; each message is an event."""


def storm(running: Installation, number: int, *, seconds: float, per_second: float, cuts: int) -> tuple[Account, float]:
    """Must show 3-5: a client cut off again and again while processes are killed and Redis loses its data.

    Also the events recorded a second while it lasted.
    """
    session, own, other = pair(running, 10 + number)
    others = [other, *(friend(running, 100 * each + number) for each in range(1, WRITERS))]
    with Receiver() as receiver, ExitStack() as stack:
        made, start = begin(session, receiver.url)
        client = stack.enter_context(Returning(running, session, start))
        began = time.monotonic()
        writers = [stack.enter_context(Writer(each, own, per_second / WRITERS)) for each in others]
        _disturb(running, client, seconds, cuts)
        for writer in writers:
            writer.finish()
        lasted = time.monotonic() - began
        running.wait_ready(120)
        for writer in writers:
            wait_quiet(running, session, writer.last_text, 120)
        wait_delivered(session, made["id"], 180)
        log = log_since(running, session.key, start)
        heard = {event["id"] for event in log if event["event"] in ("message_received", "chats_update")}
        wait_until(lambda: heard <= client.ids.keys(), "the client has all", 60)
        rows = deliveries_of(session, made["id"])
        account = take_account(log, rows, [each.event_id for each in receiver.taken], client)
    return account, account.recorded / lasted


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
        account, per_second = storm(running, number, **load)
        states = account.states
        yield {
            "events/s": f"{per_second:.0f}",
            "recorded": str(account.recorded),
            "delivered + dead + waiting": f"{states['delivered']} + {states['dead']} + "
            f"{states['waiting'] + states['slow']}",
            "receiver: missing, repeated, out of order": f"{account.missing_at_receiver}, "
            f"{account.repeated_at_receiver}, {account.out_of_order_at_receiver}",
            "client: missing, repeated, out of order": f"{account.missing_at_client}, "
            f"{account.repeated_at_client}, {account.out_of_order_at_client}",
            "as it should be": "yes" if account.faultless else "NO",
        }
