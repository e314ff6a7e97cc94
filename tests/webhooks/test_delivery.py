"""Webhooks as an endpoint sees them: format, order, tries, and what survives."""

import dataclasses
import signal
import subprocess
import time
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from flashapi import timestamps
from flashapi.connections import Connections
from flashapi.models.events import DeliveryState, attempts, deliveries, endpoints
from flashapi.settings import Settings
from flashapi.webhooks import secrets
from tests.support.facts import Session, add_endpoint, add_session, happen
from tests.support.receivers import Receiver
from tests.support.servers import wait_until
from tests.webhooks.conftest import StartProcess, StartWorker
from workers.webhook_rows import sync_global_endpoint

ALICE = Session("a-1", "sessao-de-alice", "")
BOB = Session("b-1", "sessao-de-bob", "")


def rows(connections: Connections) -> list[Any]:
    """All deliveries, oldest first."""
    with connections.reading() as connection:
        return list(connection.execute(sa.select(deliveries).order_by(deliveries.c.id)))


def wait_final(connections: Connections, count: int, seconds: float = 15) -> list[Any]:
    """All deliveries, once so many are delivered or dead."""

    def final() -> list[Any] | None:
        found = rows(connections)
        return found if sum(row.finished_at is not None for row in found) >= count else None

    found = wait_until(final, f"{count} deliveries are final", seconds)
    assert isinstance(found, list)
    return found


def test_body_and_headers_are_the_contracts(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    start_worker()
    recorded = happen(connections, ALICE)
    receiver.wait(1)
    delivery = receiver.deliveries[0]
    assert delivery.body == {
        "event": "session_disconnected",
        "sessionId": "sessao-de-alice",
        "data": {"reason": "stopped"},
        "timestamp": timestamps.iso(recorded.time),
    }
    wanted = {
        "Content-Type": "application/json",
        "User-Agent": "flash-Multi-Session-Webhook/1.0",
        "Accept": "application/json, text/plain, */*",
        "webhook-id": recorded.id,
    }
    assert wanted.items() <= delivery.headers.items()
    row = wait_final(connections, 1)[0]
    assert (row.state, row.attempts, row.status_code, row.error) == (DeliveryState.DELIVERED, 1, 200, None)
    assert row.finished_at >= row.created_at


def test_order_holds_through_failures_on_one_connection(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.script.extend([200, 500, 200])
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(5)]
    start_worker()
    assert receiver.wait(6) == [told[0], told[1], told[1], *told[2:]]
    assert receiver.connections == 1
    assert [row.attempts for row in wait_final(connections, 5)] == [1, 2, 1, 1, 1]


def test_the_head_is_tried_until_it_gets_through_and_the_others_wait(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.script.extend([500, 302, 404])
    add_endpoint(connections, ALICE.id, receiver.url)
    first, second = happen(connections, ALICE, told=False), happen(connections, ALICE, told=False)
    start_worker()
    assert receiver.wait(5, seconds=20) == [first.id] * 4 + [second.id]
    moments = [delivery.moment for delivery in receiver.deliveries]
    for pause, (before, after) in zip((1, 2, 4), pairwise(moments), strict=False):
        assert pause <= after - before < pause * 1.25 + 0.5
    assert moments[4] - moments[3] < 1.0
    delivered = wait_final(connections, 2)
    assert [(row.state, row.attempts) for row in delivered] == [("delivered", 4), ("delivered", 1)]
    with connections.reading() as connection:
        log = connection.execute(sa.select(attempts).order_by(attempts.c.id)).all()
    assert [row.status_code for row in log] == [500, 302, 404, 200, 200]
    assert (log[0].error, log[0].response, log[3].error) == ("HTTP 500", "answered 500", None)


def test_endpoint_that_does_not_answer_delays_nobody_else(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.may_answer.clear()
    add_endpoint(connections, ALICE.id, receiver.url)
    with Receiver() as other:
        add_endpoint(connections, BOB.id, other.url)
        start_worker()
        happen(connections, ALICE)
        receiver.wait(1)
        told = [happen(connections, BOB).id for _ in range(3)]
        assert other.wait(3, seconds=2) == told
    receiver.may_answer.set()


def test_lost_publication_is_delivered_by_the_sweep(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    start_worker()
    told = happen(connections, ALICE)
    receiver.wait(1)
    lost = happen(connections, BOB, told=False), happen(connections, ALICE, told=False)
    assert receiver.wait(2) == [told.id, lost[1].id]


def test_refused_address_is_a_failure_of_the_endpoint_and_everything_waits(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, "ftp://127.0.0.1/")
    told = [happen(connections, ALICE, told=False).id for _ in range(3)]
    start_worker()
    wait_until(lambda: rows(connections)[0].attempts >= 2, "it was tried twice", 15)
    head, *others = rows(connections)
    assert (head.state, head.error) == (DeliveryState.WAITING, "URL inválida: use http ou https")
    assert [(row.state, row.attempts) for row in others] == [(DeliveryState.WAITING, 0)] * 2
    with connections.transaction() as connection:
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(url=receiver.url))
    assert receiver.wait(3, seconds=15) == told


def test_nothing_goes_out_unsigned_because_its_secret_cannot_be_opened(
    connections: Connections, receiver: Receiver, start_worker: StartWorker, told: Settings
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, receiver.url, secret=secrets.seal("outra chave", "whsec_AAAA"))
    happen(connections, ALICE)
    start_worker()
    tried = wait_until(lambda: [row for row in rows(connections) if row.attempts], "it was tried", 15)
    assert "WEBHOOK_SECRET_KEY" in tried[0].error and tried[0].state == DeliveryState.WAITING
    assert not receiver.deliveries
    with connections.transaction() as connection:
        ours = secrets.seal(told.webhook_secret_key, secrets.new_secret())
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(secret=ours))
    receiver.wait(1)
    assert "webhook-signature" in receiver.deliveries[0].headers


def test_endpoint_switched_off_gets_nothing_more(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, receiver.url)
    happen(connections, ALICE, told=False)
    with connections.transaction() as connection:
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(enabled=False))
    start_worker()
    assert wait_final(connections, 1)[0].state == DeliveryState.DEAD
    assert receiver.deliveries == []


def test_two_workers_deliver_each_event_once_and_in_order(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    start_worker()
    start_worker()
    told = [happen(connections, ALICE).id for _ in range(40)]
    wait_final(connections, 40)
    assert [delivery.event_id for delivery in receiver.deliveries] == told


def test_only_the_events_asked_for(connections: Connections, receiver: Receiver, start_worker: StartWorker) -> None:
    add_endpoint(connections, ALICE.id, receiver.url, ["message_received"])
    start_worker()
    happen(connections, ALICE)
    assert rows(connections) == []


def test_killed_mid_delivery_it_is_delivered_again_under_the_same_id(
    connections: Connections, receiver: Receiver, start_process: StartProcess
) -> None:
    receiver.may_answer.clear()
    add_endpoint(connections, ALICE.id, receiver.url)
    first = start_process()
    recorded = happen(connections, ALICE)
    receiver.wait(1)
    first.kill()
    first.wait()
    receiver.may_answer.set()
    start_process()
    assert receiver.wait(2, seconds=15) == [recorded.id] * 2
    assert [row.state for row in wait_final(connections, 1)] == [DeliveryState.DELIVERED]


def test_sigterm_lets_the_delivery_in_flight_finish(
    connections: Connections, receiver: Receiver, start_process: StartProcess
) -> None:
    receiver.may_answer.clear()
    add_endpoint(connections, ALICE.id, receiver.url)
    process = start_process()
    happen(connections, ALICE)
    happen(connections, ALICE)
    receiver.wait(1)
    process.send_signal(signal.SIGTERM)
    receiver.may_answer.set()
    assert process.wait(10) == 0
    states = [row.state for row in rows(connections)]
    assert states[0] == DeliveryState.DELIVERED


def test_sigterm_ends_within_ten_seconds_whatever_the_endpoint_does(
    connections: Connections, receiver: Receiver, start_process: StartProcess
) -> None:
    receiver.may_answer.clear()
    add_endpoint(connections, ALICE.id, receiver.url)
    process: subprocess.Popen[bytes] = start_process()
    happen(connections, ALICE)
    receiver.wait(1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 10
    assert [(row.state, row.attempts) for row in rows(connections)] == [(DeliveryState.WAITING, 0)]


def test_global_endpoint_follows_the_settings(connections: Connections, told: Settings, receiver: Receiver) -> None:
    session = add_session(connections, "sessao-de-carla")
    states = []
    for url in ("", receiver.url, receiver.url + "/2", ""):
        sync_global_endpoint(connections, dataclasses.replace(told, global_webhook_url=url))
        happen(connections, session)
        with connections.reading() as connection:
            states.append([(row.url, row.enabled) for row in connection.execute(sa.select(endpoints))])
    assert states == [
        [], [(receiver.url, True)], [(receiver.url + "/2", True)], [(receiver.url + "/2", False)],
    ]
    assert len(rows(connections)) == 2
