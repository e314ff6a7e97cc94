"""A client that was away gets what it has missed, then what happens, without a gap; it is told what is gone."""

import json
import threading

import pytest
import sqlalchemy as sa
import websocket

from flashapi.connections import Connections
from flashapi.models.events import events
from tests.streams.conftest import Serve
from tests.support.facts import Session, add_session, happen
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

NAME = "session_disconnected"


@pytest.fixture
def alice(sqlite: Connections) -> Session:
    return add_session(sqlite, "sessao-de-alice")


def listen(base: str, session: Session, last: str | None, *names: str) -> SocketListener:
    return SocketListener(base, session.key, events=list(names or (NAME,)), last_event_id=last)


def ids(socket: SocketListener) -> list[str]:
    """The events it has got, each once."""
    return list(dict.fromkeys(frame["id"] for frame in socket.of_type("event")))


def test_what_was_missed_comes_first_then_what_happens(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    bob = add_session(sqlite, "sessao-de-bob")
    told = [happen(sqlite, alice).id for _ in range(10)]
    happen(sqlite, bob)
    with listen(base, alice, told[4]) as socket:
        wait_until(lambda: socket.of_type("replayed"), "the replay is over")
        told.append(happen(sqlite, alice).id)
        wait_until(lambda: told[-1] in ids(socket), "it is live")
        assert socket.of_type("replay") == [{"type": "replay", "lastEventId": told[4], "gone": False}]
        got = ids(socket)
    assert got[got.index(told[5]) :] == told[5:]


def test_events_during_a_long_replay_follow_it_in_order(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    first = happen(sqlite, alice, told=False)
    with sqlite.transaction() as connection:
        row = {"session_id": alice.id, "session_name": alice.name, "name": NAME, "time": first.time, "data": "{}"}
        connection.execute(events.insert(), [{"id": f"evt_{number}", **row} for number in range(5_000)])
    later: list[str] = []
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            later.append(happen(sqlite, alice).id)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        with listen(base, alice, first.id) as socket:
            wait_until(lambda: socket.of_type("replayed"), "the replay is over")
            ended.set()
            thread.join()
            wait_until(lambda: later[-1] in ids(socket), "the last one is there")
            got = ids(socket)
    finally:
        ended.set()
        thread.join()
    with sqlite.reading() as connection:
        written = list(connection.scalars(sa.select(events.c.id).order_by(events.c.position)))
    assert [each for each in got if each != first.id] == written[1:]


def test_what_is_gone_is_said_to_be_gone(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    told = [happen(sqlite, alice) for _ in range(3)]
    with sqlite.transaction() as connection:
        connection.execute(events.delete().where(events.c.position <= told[0].position))
    with listen(base, alice, told[0].id) as socket:
        wait_until(lambda: socket.of_type("replayed"), "the replay is over")
        assert socket.of_type("replay")[0]["gone"] is True
        assert ids(socket) == [told[1].id, told[2].id]


def test_only_the_events_asked_for_are_replayed(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    told = [happen(sqlite, alice) for _ in range(2)]
    with listen(base, alice, told[0].id, "message_received") as socket:
        over = wait_until(lambda: socket.of_type("replayed"), "the replay is over")
    assert over == [{"type": "replayed", "count": 0}]


def test_the_header_form_replays_too(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    told = [happen(sqlite, alice).id for _ in range(2)]
    headers = [f"apikey: {alice.key}", "modo: client", f'events: ["{NAME}"]', f"last-event-id: {told[0]}"]
    socket = websocket.create_connection(f"ws{base.removeprefix('http')}/ws", header=headers, timeout=10)
    try:
        frames = [json.loads(socket.recv()) for _ in range(6)]
    finally:
        socket.close()
    assert [frame["type"] for frame in frames] == ["welcome", "welcome", "replay", "event", "event", "replayed"]


def test_the_global_secret_replays_all_sessions(serve: Serve, sqlite: Connections, alice: Session) -> None:
    base = serve()
    bob = add_session(sqlite, "sessao-de-bob")
    told = [happen(sqlite, session).id for session in (alice, bob, alice)]
    with SocketListener(
        base, "segredo-global-de-teste", mode="global", events=[NAME], last_event_id=told[0]
    ) as socket:
        wait_until(lambda: socket.of_type("replayed"), "the replay is over")
        assert ids(socket)[-2:] == told[1:]
