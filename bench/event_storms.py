"""Storms: events through killed processes and lost Redis data, to receivers and to clients that are cut off.

A part of `bench.event_runs`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from tests.support.installation import Installation, Phone, Session
from tests.support.receivers import Receiver
from tests.support.servers import wait_until

STORMS = 5
SESSIONS = 2
WRITERS = 2
"""Phones that write to each session in a storm; each message is an event."""


@dataclass
class Watch:
    """One session in a storm: who writes to it, and who hears of it."""

    session: Session
    own: Phone
    writers: list[Phone]
    receiver: Receiver
    webhook: str
    start: str | None
    client: Returning


def storm(running: Installation, number: int, *, seconds: float, per_second: float, cuts: int) -> tuple[Account, float]:
    """Must show 3-5: clients cut off again and again while processes are killed and Redis loses its data.

    Also the events recorded a second while it lasted.
    """
    with ExitStack() as stack:
        watches = [_watch(stack, running, 1_000 + 10 * number + each) for each in range(SESSIONS)]
        began = time.monotonic()
        share = per_second / SESSIONS / WRITERS
        writers = [
            (watch, stack.enter_context(Writer(phone, watch.own, share)))
            for watch in watches
            for phone in watch.writers
        ]
        _disturb(running, [watch.client for watch in watches], seconds, cuts)
        for _watched, writer in writers:
            writer.finish()
        lasted = time.monotonic() - began
        running.wait_ready(120)
        for watch, writer in writers:
            wait_quiet(running, watch.session, writer.last_text, 120)
        account = Account()
        for watch in watches:
            account.add(_account_of(running, watch, [writer for each, writer in writers if each is watch]))
    return account, account.recorded / lasted


def _watch(stack: ExitStack, running: Installation, number: int) -> Watch:
    session, own, other = pair(running, number)
    writers = [other, *(friend(running, number + 500 * each) for each in range(1, WRITERS))]
    receiver = stack.enter_context(Receiver())
    made, start = begin(session, receiver.url)
    client = stack.enter_context(Returning(running, session, start))
    return Watch(session, own, writers, receiver, made["id"], start, client)


def _account_of(running: Installation, watch: Watch, writers: Sequence[Writer]) -> Account:
    wait_delivered(watch.session, watch.webhook, 180)
    log = log_since(running, watch.session.key, watch.start)
    heard = {event["id"] for event in log if event["event"] in ("message_received", "chats_update")}
    wait_until(lambda: heard <= watch.client.ids.keys(), "the client has all", 60)
    rows = deliveries_of(watch.session, watch.webhook)
    account = take_account(log, rows, [each.event_id for each in watch.receiver.taken], watch.client)
    told = {event["data"]["content"] for event in log if event["event"] == "message_received"}
    account.messages = sum(len(writer.texts) for writer in writers)
    account.untold = sum(text not in told for writer in writers for text in writer.texts)
    return account


def _disturb(running: Installation, clients: Sequence[Returning], seconds: float, cuts: int) -> None:
    """Cut the clients off `cuts` times within `seconds`, and between kill each kind of process, and empty Redis."""
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
        for client in clients:
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
            "messages sent, not told of": f"{account.messages}, {account.untold}",
            "recorded": str(account.recorded),
            "delivered + dead + waiting": f"{states['delivered']} + {states['dead']} + "
            f"{states['waiting'] + states['slow']}",
            "receiver: missing, repeated, out of order": f"{account.missing_at_receiver}, "
            f"{account.repeated_at_receiver}, {account.out_of_order_at_receiver}",
            "client: missing, repeated, out of order": f"{account.missing_at_client}, "
            f"{account.repeated_at_client}, {account.out_of_order_at_client}",
            "as it should be": "yes" if account.faultless else "NO",
        }
