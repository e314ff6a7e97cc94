"""The bus as one process hears it: nothing is missed, nobody is waited for."""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.models import metadata
from flashapi.models.events import events
from flashapi.settings import Settings
from flashapi.streams import Hub, Listener
from tests.support import servers
from tests.support.facts import Session, happen

ALICE = Session("a-1", "alice-sessao", "")
BOB = Session("b-1", "bob-sessao", "")
PROMPTLY = 1.0
WITHIN_A_SWEEP = 5.0


@pytest.fixture
def hub(connections: Connections) -> Iterator[Hub]:
    hub = Hub(connections)
    yield hub
    hub.close()


def positions(listener: Listener, count: int, seconds: float) -> list[int]:
    """The positions of the next `count` events, or of as many as came in time."""
    ends = time.monotonic() + seconds
    heard = []
    while len(heard) < count and (recorded := listener.get(ends - time.monotonic())) is not None:
        heard.append(recorded.position)
    return heard


def test_listener_hears_its_session_only(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id) as alice, hub.listen(None) as everyone:
        of_bob, of_alice = happen(connections, BOB), happen(connections, ALICE)
        assert alice.get(PROMPTLY) == of_alice
        assert positions(everyone, 2, PROMPTLY) == [of_bob.position, of_alice.position]


def test_events_from_before_are_not_heard(hub: Hub, connections: Connections) -> None:
    happen(connections, ALICE)
    with hub.listen(ALICE.id) as alice:
        later = happen(connections, ALICE)
        assert alice.get(PROMPTLY) == later


def test_lost_publication_is_filled_in_before_the_next(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id) as alice:
        lost, told = happen(connections, ALICE, told=False), happen(connections, ALICE)
        assert positions(alice, 2, PROMPTLY) == [lost.position, told.position]


def test_last_publication_lost_is_found_in_the_table(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id) as alice:
        lost = happen(connections, ALICE, told=False)
        assert alice.get(WITHIN_A_SWEEP) == dataclasses.replace(lost, endpoint_ids=())


def test_event_that_commits_after_its_successor_is_found(hub: Hub, connections: Connections) -> None:
    def insert(position: int) -> Recorded:
        recorded = Recorded(
            position=position, id=f"evt_{position}", session_id=ALICE.id, session_name=ALICE.name, name="qr_updated",
            time=0, data={},
        )
        row = {**dataclasses.asdict(recorded), "data": json.dumps(recorded.data)}
        del row["endpoint_ids"]
        with connections.transaction() as connection:
            connection.execute(events.insert(), row)
        return recorded

    with hub.listen(ALICE.id) as alice:
        bus.announce(connections.redis, [insert(7)])
        assert positions(alice, 1, PROMPTLY) == [7]
        insert(6)
        assert positions(alice, 1, WITHIN_A_SWEEP) == [6]


def test_event_published_twice_is_heard_once(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id) as alice:
        first = happen(connections, ALICE)
        bus.announce(connections.redis, [first])
        second = happen(connections, ALICE)
        assert positions(alice, 2, PROMPTLY) == [first.position, second.position]


def test_slow_listener_is_cut_off_and_the_others_go_on(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id, limit=2) as slow, hub.listen(ALICE.id) as quick:
        told = [happen(connections, ALICE).position for _ in range(4)]
        assert positions(quick, 4, PROMPTLY) == told
        assert slow.overflowed
        assert positions(slow, 4, PROMPTLY) == told[:2]
        assert slow.get() is None


def test_unreadable_publication_is_passed_over(hub: Hub, connections: Connections) -> None:
    with hub.listen(ALICE.id) as alice:
        connections.redis.publish(bus.CHANNEL, "not JSON")
        connections.redis.publish(bus.CHANNEL, "{}")
        told = happen(connections, ALICE)
        assert positions(alice, 1, PROMPTLY) == [told.position]


def test_events_are_heard_while_redis_is_away_and_after(settings: Settings, tmp_path: Path) -> None:
    socket = tmp_path / "own" / "redis.sock"
    connections = Connections(dataclasses.replace(settings, redis_url=f"unix://{socket}"))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    metadata.create_all(connections.engine)
    hub = Hub(connections)
    with servers.running_redis(socket.parent), hub.listen(ALICE.id) as alice:
        before = happen(connections, ALICE)
        assert positions(alice, 1, PROMPTLY) == [before.position]
    with hub.listen(ALICE.id) as alice:
        away = happen(connections, ALICE, told=False)
        assert positions(alice, 1, WITHIN_A_SWEEP) == [away.position]
        with servers.running_redis(socket.parent):
            back = happen(connections, ALICE)
            assert positions(alice, 1, WITHIN_A_SWEEP) == [back.position]
            servers.wait_until(lambda: heard_at_once(connections, alice), "publications are heard again")
    hub.close()
    connections.close()


def heard_at_once(connections: Connections, listener: Listener) -> bool:
    """Whether an event arrives sooner than the table would be looked at."""
    told = happen(connections, ALICE)
    begun = time.monotonic()
    assert positions(listener, 1, WITHIN_A_SWEEP) == [told.position]
    return time.monotonic() - begun < 0.2
