"""Every fault, as a real session sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, Refused, wait_until


@pytest.fixture(autouse=True)
def no_faults_left(network: NetworkProcess) -> Iterator[None]:
    yield
    network.ask("fault.clear")


def test_drop_makes_a_session_connect_again(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="drop")
    session.wait("Disconnected")
    session.wait("Connected")
    assert network.phone(alice)["logins"] == 2


def test_down_refuses_for_a_while(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="down", seconds=1)
    start = time.monotonic()
    session.wait("Disconnected")
    session.wait("Connected")
    assert time.monotonic() - start > 1
    assert network.phone(alice)["logins"] == 2
    assert session.send(bob, "de volta")["id"]


def test_a_network_that_is_down_refuses_a_first_connect(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    session = new_session()
    network.ask("fault.set", numero=None, kind="down", seconds=60)
    session.ask("connect")
    session.wait("connect_failed")
    network.ask("fault.clear")
    session.ask("connect")
    session.wait("qr")


def test_a_network_in_a_blackhole_accepts_and_is_silent(network: NetworkProcess, new_session: NewSession) -> None:
    session = new_session()
    network.ask("fault.set", numero="*", kind="blackhole", seconds=60)
    session.ask("connect")
    with pytest.raises(TimeoutError):
        session.wait("qr", patience=1)
    assert [event["event"] for event in session.events] == ["loaded"]
    network.ask("fault.clear")
    session.wait("qr")


def test_a_blackhole_holds_one_session_and_no_other(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, carol = new_phone("Alice"), new_phone("Bob"), new_phone("Carol")
    held, free = new_session(), new_session()
    held.pair(alice)
    free.pair(bob)
    network.ask("fault.set", numero=alice, kind="blackhole", seconds=60)
    result: list[dict[str, object]] = []
    sender = threading.Thread(target=lambda: result.append(held.send(carol, "preso")))
    sender.start()
    for index in range(5):
        assert free.send(carol, f"livre {index}")["seconds"] < 1
    assert not result
    network.ask("fault.clear")
    sender.join(timeout=30)
    assert result
    texts = [shown["text"] for shown in network.wait_inbox(carol, 6)]
    assert texts == [*(f"livre {index}" for index in range(5)), "preso"]


def test_a_dial_into_a_blackhole_does_not_hold_others(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    session.close()
    free = new_session()
    free.pair(bob)
    network.ask("fault.set", numero=alice, kind="blackhole", seconds=60)
    dialling = session.restart()
    try:
        assert free.send(alice, "oi")["seconds"] < 1
        assert network.phone(alice)["logins"] == 2
        assert not [event for event in dialling.events if event["event"] == "Connected"]
        network.ask("fault.clear")
        dialling.wait("Connected")
    finally:
        dialling.close()


def test_slow_makes_every_answer_late(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    session.send(bob, "primeira")  # the directory and the keys are asked for only once
    network.ask("fault.set", numero=alice, kind="slow", ms=300)
    assert 0.3 <= session.send(bob, "lenta")["seconds"] < 1
    network.ask("fault.set", numero="*", kind="slow", ms=100)
    assert session.send(bob, "mais lenta")["seconds"] >= 0.4


def test_nack_refuses_so_many_messages(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="nack", code=463, count=2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="463"):
            session.send(bob, "recusada")
    session.send(bob, "aceita")
    assert [shown["text"] for shown in network.wait_inbox(bob, 1)] == ["aceita"]


def test_a_lost_ack_is_of_a_message_that_arrived(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="lost_ack", count=1)
    result: list[dict[str, object]] = []
    sender = threading.Thread(target=lambda: result.append(session.send(bob, "sem resposta")))
    sender.start()
    [shown] = network.wait_inbox(bob, 1)
    assert not result
    # The client repeats the message when it has connected again: acknowledged, but shown once.
    network.ask("fault.set", numero=alice, kind="drop")
    sender.join(timeout=30)
    assert [one["id"] for one in result] == [shown["id"]]
    assert len(network.inbox(bob)) == 1


def test_replaced_ends_the_connection_for_good(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="replaced")
    session.wait("StreamReplaced")
    wait_until(lambda: None if session.ask("is_logged_in") else True, "the end of the connection")
    assert network.phone(alice)["logins"] == 1


def test_a_second_login_replaces_the_first(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    twin = type(session)(network, session.store, session.name)
    try:
        twin.ask("connect")
        twin.wait("Connected")
        session.wait("StreamReplaced")
    finally:
        twin.close()


def test_outdated_ends_and_refuses(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    network.ask("fault.set", numero=alice, kind="outdated")
    session.wait("ClientOutdated")
    again = session.restart()
    try:
        again.wait("ClientOutdated")
    finally:
        again.close()
    assert network.phone(alice)["logins"] == 1


def test_faults_are_checked(network: NetworkProcess, new_phone: NewPhone) -> None:
    alice = new_phone("Alice")
    for params, message in (
        ({"numero": alice, "kind": "fogo"}, "400 O campo kind"),
        ({"numero": "5511000000000", "kind": "drop"}, "404 O telefone"),
        ({"numero": None, "kind": "nack", "code": 400}, "400 O campo numero"),
        ({"numero": alice, "kind": "down"}, "400 O campo seconds"),
        ({"numero": alice, "kind": "slow", "ms": -1}, "400 O campo ms"),
    ):
        with pytest.raises(Refused, match=message):
            network.ask("fault.set", **params)
