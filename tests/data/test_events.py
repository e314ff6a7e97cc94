"""Events are rows with positions, recorded with one delivery for each endpoint that wants them."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from flashapi import bus
from flashapi.connections import Connections
from flashapi.events import SessionConnected, SessionDisconnected
from flashapi.models.events import GLOBAL, deliveries, endpoints
from flashapi.models.sessions import Reason, sessions
from flashapi.settings import Settings
from tests.support.facts import add_session
from workers.migrations import migrate

CONNECTED = SessionConnected(phone="5511911110001", jid="5511911110001@s.whatsapp.net", lid=None, name="Alice")
STOPPED = SessionDisconnected(reason=Reason.STOPPED)


def endpoint(connections: Connections, session_id: str, events: list[str] | None, enabled: bool = True) -> int:
    with connections.transaction() as connection:
        row = {"session_id": session_id, "url": "https://example.com", "events": events, "enabled": enabled,
               "created_at": 1, "updated_at": 1}
        key = connection.execute(endpoints.insert(), row).inserted_primary_key
        assert key is not None
        return int(key[0])


def test_positions_grow_and_are_not_used_again(connections: Connections) -> None:
    with connections.transaction() as connection:
        first = bus.record(connection, "a", "alice", CONNECTED)
        second = bus.record(connection, "a", "alice", STOPPED)
        assert first.position < second.position
    with connections.transaction() as connection:
        connection.execute(bus.events.delete())
    with connections.transaction() as connection:
        assert bus.record(connection, "a", "alice", CONNECTED).position > second.position


def test_a_replay_gives_what_was_recorded(connections: Connections) -> None:
    with connections.transaction() as connection:
        recorded = [bus.record(connection, session, session, CONNECTED) for session in ("a", "b", "a")]
    with connections.reading() as connection:
        assert [event.id for event in bus.after(connection, 0, 10)] == [event.id for event in recorded]
        mine = bus.after(connection, recorded[0].position, 10, "a")
        assert [event.id for event in mine] == [recorded[2].id]
        assert mine[0].data == CONNECTED.data()
        assert bus.last_position(connection) == recorded[2].position


def test_each_endpoint_that_wants_it_gets_a_delivery(connections: Connections) -> None:
    own = endpoint(connections, "a", ["session_connected"])
    everything = endpoint(connections, GLOBAL, None)
    endpoint(connections, "b", None)
    endpoint(connections, "c", None, enabled=False)
    with connections.transaction() as connection:
        wanted = bus.record(connection, "a", "alice", CONNECTED)
        unwanted = bus.record(connection, "a", "alice", STOPPED)
        of_the_disabled = bus.record(connection, "c", "charlie", CONNECTED)
    with connections.reading() as connection:
        query = sa.select(deliveries.c.position, deliveries.c.endpoint_id)
        rows = {(row.position, row.endpoint_id) for row in connection.execute(query)}
    assert rows == {
        (wanted.position, own),
        (wanted.position, everything),
        (unwanted.position, everything),
        (of_the_disabled.position, everything),
    }


def test_a_turn_is_kept_to_the_end_of_its_transaction_and_taken_again_in_the_next(database: Settings) -> None:
    if database.database_url.startswith("sqlite"):
        pytest.skip("there is one writer anyway")
    migrate(database)
    ours, others = Connections(replace(database, database_pool=1)), Connections(database)
    session_id = add_session(ours, "alice").id
    theirs = sa.select(sessions.c.id).where(sessions.c.id == session_id).with_for_update(nowait=True)
    for _ in range(2):  # on the same connection
        with ours.transaction() as connection:
            bus.take_turn(connection, session_id)
            bus.record(connection, session_id, "alice", CONNECTED)
            with pytest.raises(OperationalError), others.engine.begin() as other:
                other.execute(theirs)
        with others.transaction() as other:
            assert other.execute(theirs).scalar() == session_id
    ours.close()
    others.close()
