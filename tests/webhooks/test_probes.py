"""How a line finds out whether its head or its endpoint is at fault, and what that must not cost: order, patience."""

from dataclasses import replace
from itertools import pairwise

import pytest

from flashapi.connections import Connections
from tests.support.facts import Session, add_endpoint, happen
from tests.support.receivers import Delivery, Receiver
from tests.support.servers import wait_until
from tests.webhooks.conftest import StartWorker
from tests.webhooks.test_delivery import rows, wait_final
from tests.webhooks.test_lines import HASTY

ALICE = Session("a-1", "sessao-de-alice", "")
SURE = replace(HASTY, doubt_for=1.0)


class Silence(OSError):
    """The receiver hangs up instead of answering."""


def is_probe(delivery: Delivery) -> bool:
    return delivery.body["event"] == "webhook_test" and delivery.body["data"]["probe"] is True


def test_an_endpoint_back_between_the_heads_failure_and_the_probe_gets_all_in_order(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(3)]
    back = False

    def come_back_behind_the_head(delivery: Delivery) -> int:
        nonlocal back
        if back:
            return 200
        back = any(is_probe(each) for each in receiver.deliveries) and delivery.event_id == told[0]
        raise Silence

    receiver.decide = come_back_behind_the_head
    start_worker(HASTY)
    assert [(row.state, row.moved_at) for row in wait_final(connections, 3)] == [("delivered", None)] * 3
    assert [delivery.event_id for delivery in receiver.taken if not is_probe(delivery)] == told
    assert [row.origin for row in rows(connections)] == ["event"] * 3


def test_while_an_endpoint_is_silent_no_event_goes_ahead_of_the_head(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(2)]

    def hang_up(_: Delivery) -> int:
        raise Silence

    receiver.decide = hang_up
    start_worker(HASTY)
    wait_until(lambda: sum(map(is_probe, receiver.deliveries)) >= 5, "it has been asked five times")
    assert {each.event_id for each in receiver.deliveries if not is_probe(each)} == {told[0]}


def test_retry_after_holds_for_every_call_of_the_line(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    for _ in range(3):
        happen(connections, ALICE, told=False)
    receiver.decide = lambda _: 503
    receiver.answer_headers["Retry-After"] = "1"
    start_worker(SURE)
    receiver.wait(6, seconds=20)
    moments = [delivery.moment for delivery in receiver.deliveries]
    assert all(after - before >= 0.95 for before, after in pairwise(moments)), moments
    assert len({delivery.event_id for delivery in receiver.deliveries}) > 1  # another was tried in the head's place


@pytest.mark.parametrize("tests_too", [False, True], ids=["poison", "poison_and_tests"])
def test_one_that_is_met_with_silence_is_moved_aside(
    connections: Connections, receiver: Receiver, start_worker: StartWorker, tests_too: bool
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(3)]

    def fall_over(delivery: Delivery) -> int:
        if delivery.event_id == told[0] or (tests_too and is_probe(delivery)):
            raise Silence
        return 200

    receiver.decide = fall_over
    start_worker(SURE if tests_too else HASTY)
    poison, *others = wait_final(connections, 3, seconds=20)
    assert (poison.state, poison.moved_at is not None) == ("dead", True)
    assert [(row.state, row.moved_at is not None) for row in others] == [("delivered", True), ("delivered", False)]
    assert [each.event_id for each in receiver.taken if not is_probe(each)] == told[1:]


def test_one_that_is_always_asked_to_wait_is_moved_aside(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(3)]
    receiver.answer_headers["Retry-After"] = "0.3"
    receiver.decide = lambda delivery: 429 if delivery.event_id == told[0] else 200
    start_worker(SURE)
    wait_until(lambda: rows(connections)[0].moved_at, "it is moved aside", 20)
    assert [row.state for row in wait_final(connections, 2)][1:] == ["delivered"] * 2


def test_when_one_sent_in_the_heads_place_is_answered_with_gone_the_head_stays_waiting(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    add_endpoint(connections, ALICE.id, receiver.url)
    told = [happen(connections, ALICE, told=False).id for _ in range(2)]

    def busy_with_the_head(delivery: Delivery) -> int:
        receiver.answer_headers = {"Retry-After": "0.3"} if delivery.event_id == told[0] else {}
        return 503 if receiver.answer_headers else 410

    receiver.decide = busy_with_the_head
    start_worker(SURE)
    head, other = wait_final(connections, 1, seconds=20)[:2]
    assert (head.state, other.state) == ("waiting", "dead")
    with Receiver() as elsewhere:
        add_endpoint(connections, "b-1", elsewhere.url)
        happen(connections, Session("b-1", "sessao-de-bob", ""))
        elsewhere.wait(1)  # the worker has been through the table since
    assert receiver.deliveries[-1].event_id == told[1]
