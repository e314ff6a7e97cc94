"""Only the newest events are kept, with their deliveries."""

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models.events import deliveries, events
from tests.support.facts import Session, add_endpoint, happen
from workers import retention

ALICE = Session("a-1", "sessao-de-alice", "")


def kept(connections: Connections) -> tuple[list[int], list[int]]:
    """Positions of the events and of the deliveries that are left."""
    with connections.reading() as connection:
        return (
            list(connection.scalars(sa.select(events.c.position).order_by(events.c.position))),
            list(connection.scalars(sa.select(deliveries.c.position).order_by(deliveries.c.position))),
        )


def test_oldest_events_go_with_their_deliveries(connections: Connections) -> None:
    happen(connections, ALICE, told=False)
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    positions = [happen(connections, ALICE, told=False).position for _ in range(9)]
    while retention.trim(connections, 4):
        pass
    assert kept(connections) == (positions[-4:], positions[-4:])
    assert not retention.trim(connections, 4)


def test_a_batch_is_bounded(connections: Connections) -> None:
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    with connections.transaction() as connection:
        connection.execute(
            events.insert(),
            [{"id": f"evt_{n}", "session_id": "s", "session_name": "n", "name": "x", "time": 0, "data": "{}"}
             for n in range(retention.BATCH + 10)],
        )
    assert retention.trim(connections, 5)
    assert len(kept(connections)[0]) == 10


def test_nothing_to_trim(connections: Connections) -> None:
    assert not retention.trim(connections, 5)
