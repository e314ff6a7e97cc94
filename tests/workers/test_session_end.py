"""A session ends while it sends: the ack in flight is waited for, and no longer than it may be."""

import threading
import time
from collections.abc import Iterator

import pytest

from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.workers.rows import add_send
from tests.workers.serving import GROUP, SlowClient, connect, lease_of, row_of, state_of, tools_of
from workers import live_session
from workers.live_session import LiveSession


@pytest.fixture
def client() -> SlowClient:
    return SlowClient()


@pytest.fixture
def session(
    database: Settings, connections: Connections, session_id: str, client: SlowClient
) -> Iterator[LiveSession]:
    """Connected through `client`."""
    with tools_of(database, connections) as tools:
        made = LiveSession(row_of(connections, session_id), lease_of(connections.redis), tools)
        connect(made, client, tools)
        yield made


def begin_to_send(connections: Connections, session: LiveSession, client: SlowClient) -> int:
    send = add_send(connections, session.session_id, recipient=GROUP)
    session.outbox.wake()
    assert client.sending.wait(5)
    return send


def test_a_send_in_flight_gets_its_ack_before_the_client_is_stopped(
    connections: Connections, session: LiveSession, client: SlowClient
) -> None:
    send = begin_to_send(connections, session, client)
    later = add_send(connections, session.session_id, recipient=GROUP)
    stopping = threading.Thread(target=session.stop)
    stopping.start()
    assert not client.stopped.wait(0.3)
    client.acked.set()
    stopping.join(5)
    assert client.stopped.is_set() and not stopping.is_alive()
    assert (state_of(connections, send), state_of(connections, later)) == ("sent", "queued")


def test_an_ack_that_does_not_come_is_not_waited_for_long(
    connections: Connections, session: LiveSession, client: SlowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "SEND_IN_FLIGHT_SECONDS", 0.2)
    begin_to_send(connections, session, client)
    began = time.monotonic()
    session.stop()
    assert client.stopped.is_set() and 0.2 <= time.monotonic() - began < 2


def test_a_session_that_sends_nothing_ends_at_once(session: LiveSession, client: SlowClient) -> None:
    began = time.monotonic()
    session.stop()
    assert client.stopped.is_set() and time.monotonic() - began < 1
