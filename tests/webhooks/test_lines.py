"""What a line does about an endpoint that fails, for one delivery or for all; minutes and hours are shortened here."""

import time
from typing import Any

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import GLOBAL, deliveries, endpoints, events
from flashapi.settings import Settings
from flashapi.webhooks import secrets
from tests.support.facts import Session, add_endpoint, add_session, happen
from tests.support.receivers import Delivery, Receiver, verifies
from tests.support.servers import wait_until
from tests.webhooks.conftest import StartWorker
from tests.webhooks.test_delivery import rows, wait_final
from workers.webhook_attempts import Patience

ALICE = Session("a-1", "sessao-de-alice", "")
HASTY = Patience(
    first_pause=0.05, longest_pause=0.1, move_after=0.5, first_slow_pause=0.2, longest_slow_pause=0.2, slow_for=1.0
)


def endpoint_row(connections: Connections, endpoint: int) -> Any:
    with connections.reading() as connection:
        return connection.execute(sa.select(endpoints).where(endpoints.c.id == endpoint)).one()


def test_one_that_is_refused_while_others_get_through_is_moved_aside_then_dead(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(4)]
    receiver.decide = lambda delivery: 400 if delivery.event_id == told[0] else 200
    start_worker(HASTY)
    poison, *others = wait_final(connections, 4, seconds=20)
    assert (poison.state, poison.status_code, poison.moved_at is not None) == ("dead", 400, True)
    assert poison.finished_at - poison.moved_at >= 1_000
    assert [(row.state, row.moved_at is not None) for row in others] == [
        ("delivered", True),  # the one that showed who is at fault: it overtook
        ("delivered", False),
        ("delivered", False),
    ]
    got = [delivery.event_id for delivery in receiver.deliveries if delivery.event_id != told[0]]
    assert got == told[1:]


def test_one_that_is_moved_aside_gets_through_later(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(2)]
    healed = False
    receiver.decide = lambda delivery: 400 if delivery.event_id == told[0] and not healed else 200
    start_worker(HASTY)
    wait_until(lambda: rows(connections)[0].state == "slow", "it is in the slow lane")
    healed = True
    assert [row.state for row in wait_final(connections, 2)] == ["delivered"] * 2


def test_nothing_is_moved_while_the_endpoint_takes_nothing(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(3)]
    receiver.decide = lambda _: 503
    start_worker(HASTY)
    began = rows(connections)[0].created_at
    wait_until(lambda: rows(connections)[0].attempts >= 10 and now_ms() - began > 1_000, "it has failed for long")
    assert {row.state for row in rows(connections)} == {"waiting"}
    back = False

    def come_back_with_the_head(delivery: Delivery) -> int:
        nonlocal back
        back = back or delivery.event_id == told[0]
        return 200 if back else 503

    receiver.decide = come_back_with_the_head
    assert [row.moved_at for row in wait_final(connections, 3)] == [None] * 3
    assert [delivery.event_id for delivery in receiver.taken] == told


def test_after_an_outage_one_more_refusal_of_a_former_probe_moves_nothing(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(4)]
    receiver.decide = lambda _: 503
    start_worker(HASTY)

    wait_until(lambda: all(row.attempts for row in rows(connections)), "each has been the probe")
    assert [row.failing_since is None for row in rows(connections)] == [False, True, True, True]
    time.sleep(2 * HASTY.move_after)
    refused = {told[0]}

    def busy(delivery: Delivery) -> int:
        if delivery.event_id in refused:
            return 200
        refused.add(delivery.event_id)
        return 429

    receiver.decide = busy
    assert [(row.state, row.moved_at) for row in wait_final(connections, 4)] == [("delivered", None)] * 4
    assert [delivery.event_id for delivery in receiver.taken] == told


def test_one_more_refusal_after_a_successful_test_moves_nothing(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(2)]
    with connections.transaction() as connection:
        ago = now_ms() - 1_000
        connection.execute(deliveries.update().where(deliveries.c.id == 1).values(attempts=9, failing_since=ago))
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(last_success_at=now_ms()))
    receiver.script.append(503)
    start_worker(HASTY)
    assert [row.moved_at for row in wait_final(connections, 2)] == [None, None]
    assert [delivery.event_id for delivery in receiver.taken] == told


def test_gone_is_a_dead_letter_and_pauses_the_endpoint_with_an_event(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    session = add_session(connections, "sessao-de-gina")
    endpoint = add_endpoint(connections, session.id, receiver.url)
    receiver.script.append(410)
    happen(connections, session, told=False)
    happen(connections, session, told=False)
    start_worker()
    wait_until(lambda: endpoint_row(connections, endpoint).paused_at, "the endpoint is paused")
    assert endpoint_row(connections, endpoint).pause_reason == "gone"
    assert [row.state for row in rows(connections)] == ["dead", "waiting", "waiting"]
    with connections.reading() as connection:
        told = connection.execute(sa.select(events).order_by(events.c.position.desc()).limit(1)).one()
    assert (told.name, told.session_name) == ("webhook_paused", "sessao-de-gina")
    assert len(receiver.deliveries) == 1


def test_an_endpoint_that_only_fails_is_paused(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, GLOBAL, receiver.url)
    happen(connections, ALICE, told=False)
    receiver.decide = lambda _: 500
    start_worker(Patience(first_pause=0.1, longest_pause=0.1, pause_after=0.5))
    wait_until(lambda: endpoint_row(connections, endpoint).paused_at, "the endpoint is paused")
    row = endpoint_row(connections, endpoint)
    assert (row.pause_reason, row.paused_at - row.failing_since >= 500) == ("failing", True)


def test_an_endpoint_whose_address_is_refused_for_long_is_paused(
    connections: Connections, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, GLOBAL, "ftp://127.0.0.1/")
    happen(connections, ALICE, told=False)
    start_worker(Patience(first_pause=0.1, longest_pause=0.1, pause_after=0.5))
    wait_until(lambda: endpoint_row(connections, endpoint).paused_at, "the endpoint is paused")
    assert endpoint_row(connections, endpoint).pause_reason == "failing"
    assert {row.state for row in rows(connections)} == {"waiting"}


def test_retry_after_is_honoured(connections: Connections, receiver: Receiver, start_worker: StartWorker) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    receiver.script.append(429)
    receiver.answer_headers["Retry-After"] = "3"
    happen(connections, ALICE, told=False)
    start_worker()
    receiver.wait(2)
    first, second = receiver.deliveries
    assert second.moment - first.moment >= 3.0


def test_deliveries_are_signed_by_every_valid_secret_and_custom_headers_go_along(
    connections: Connections, receiver: Receiver, start_worker: StartWorker, told: Settings
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, receiver.url)
    new, old, expired = (secrets.new_secret() for _ in range(3))
    sealed = {name: secrets.seal(told.webhook_secret_key, value) for name, value in (("new", new), ("old", old))}
    headers = {"X-Minha": "sim", "User-Agent": "outro", "Webhook-Id": "outro"}
    replaced = {"secret": sealed["old"], "until": now_ms() + 60_000}
    values = {"secret": sealed["new"], "previous_secrets": [replaced], "headers": headers}
    with connections.transaction() as connection:
        connection.execute(endpoints.update().values(values))
    start_worker()
    happen(connections, ALICE)
    receiver.wait(1)
    delivery = receiver.deliveries[0]
    assert delivery.headers["X-Minha"] == "sim"
    assert delivery.headers["User-Agent"] == "flash-Multi-Session-Webhook/1.0"
    assert verifies(new, delivery) and verifies(old, delivery) and not verifies(expired, delivery)
    with connections.transaction() as connection:
        over = [{**replaced, "until": now_ms() - 1}]
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(previous_secrets=over))
    happen(connections, ALICE)
    receiver.wait(2)
    assert verifies(new, receiver.deliveries[1]) and not verifies(old, receiver.deliveries[1])


def test_a_paused_line_keeps_what_happens(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    endpoint = add_endpoint(connections, ALICE.id, receiver.url)
    with connections.transaction() as connection:
        connection.execute(endpoints.update().values(paused_at=now_ms(), pause_reason="asked"))
    start_worker()
    told = [happen(connections, ALICE).id for _ in range(3)]
    with Receiver() as other:
        add_endpoint(connections, "b-1", other.url)
        happen(connections, Session("b-1", "sessao-de-bob", ""))
        other.wait(1)  # the worker has been through the table since
    assert receiver.deliveries == []
    with connections.transaction() as connection:
        connection.execute(endpoints.update().where(endpoints.c.id == endpoint).values(paused_at=None))
    assert receiver.wait(3) == told


def test_a_hanging_endpoint_costs_only_itself(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    receiver.may_answer.clear()
    hanging = add_endpoint(connections, GLOBAL, receiver.url)
    with Receiver() as other:
        add_endpoint(connections, GLOBAL, other.url)
        start_worker()
        began = time.monotonic()
        told = [happen(connections, ALICE).id for _ in range(50)]
        assert other.wait(50) == told
        assert time.monotonic() - began < 8
    assert len(receiver.deliveries) == 1
    assert [row.state for row in rows(connections) if row.endpoint_id == hanging] == ["waiting"] * 50
    receiver.may_answer.set()
