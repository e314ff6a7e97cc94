"""Only the newest events are kept, with their deliveries."""

import threading
from dataclasses import replace

import sqlalchemy as sa
from structlog.testing import capture_logs

from flashapi import cleaning, removal
from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import GLOBAL, attempts, deliveries, endpoints, events
from flashapi.settings import Settings
from tests.support.facts import Session, add_endpoint, add_session, happen
from tests.support.receivers import Receiver
from tests.webhooks.conftest import StartWorker
from workers import retention
from workers.webhook_worker import WebhookWorker

ALICE = Session("a-1", "sessao-de-alice", "")
DAYS = 30.0


def kept(connections: Connections) -> tuple[list[int], list[int]]:
    """Positions of the events and of the deliveries that are left."""
    with connections.reading() as connection:
        return (
            list(connection.scalars(sa.select(events.c.position).order_by(events.c.position))),
            list(connection.scalars(sa.select(deliveries.c.position).order_by(deliveries.c.position))),
        )


def test_oldest_events_go_and_what_was_undelivered_becomes_a_dead_letter(connections: Connections) -> None:
    happen(connections, ALICE, told=False)
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    positions = [happen(connections, ALICE, told=False).position for _ in range(9)]
    with connections.transaction() as connection:
        connection.execute(deliveries.update().where(deliveries.c.position == positions[0]).values(state="delivered"))
    while retention.trim(connections, 4, DAYS):
        pass
    assert kept(connections) == (positions[-4:], positions[1:])
    with connections.reading() as connection:
        states = list(connection.scalars(sa.select(deliveries.c.state).order_by(deliveries.c.id)))
    assert states == ["dead"] * 4 + ["waiting"] * 4
    assert not retention.trim(connections, 4, DAYS)


def test_events_and_dead_letters_go_by_age(connections: Connections) -> None:
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    positions = [happen(connections, ALICE, told=False).position for _ in range(3)]
    long_ago = now_ms() - 31 * retention.DAY_MS
    with connections.transaction() as connection:
        connection.execute(events.update().where(events.c.position == positions[0]).values(time=long_ago))
    retention.trim(connections, 1_000, DAYS)
    assert kept(connections) == (positions[1:], positions)
    with connections.transaction() as connection:
        connection.execute(deliveries.update().where(deliveries.c.state == "dead").values(finished_at=long_ago))
    retention.trim(connections, 1_000, DAYS)
    assert kept(connections) == (positions[1:], positions[1:])


def test_a_removed_endpoint_goes_with_its_log(connections: Connections) -> None:
    endpoint = add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    happen(connections, ALICE, told=False)
    with connections.transaction() as connection:
        connection.execute(endpoints.update().values(removed_at=1))
        attempt = {"delivery_id": 1, "at": 1, "duration_ms": 1}
        connection.execute(attempts.insert(), attempt)
    while retention.trim(connections, 1_000, DAYS):
        pass
    with connections.reading() as connection:
        for table in (endpoints, deliveries, attempts):
            assert connection.execute(sa.select(table)).all() == [], endpoint


def test_a_deleted_sessions_events_reach_the_global_endpoint(
    connections: Connections, receiver: Receiver, start_worker: StartWorker
) -> None:
    gone = add_session(connections, "sessao-apagada")
    add_endpoint(connections, GLOBAL, receiver.url)
    happen(connections, gone, told=False)
    with connections.transaction() as connection:
        cleaning.bury(connection, gone.id)
    removal.remove_session(connections, gone.id)
    start_worker()
    receiver.wait(1)
    assert receiver.deliveries[0].body["sessionId"] == gone.name


def test_a_batch_is_bounded(connections: Connections) -> None:
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    with connections.transaction() as connection:
        connection.execute(
            events.insert(),
            [{"id": f"evt_{n}", "session_id": "s", "session_name": "n", "name": "x", "time": 0, "data": "{}"}
             for n in range(retention.BATCH + 10)],
        )
    assert retention.trim(connections, 5, DAYS)
    assert len(kept(connections)[0]) == 10


def test_nothing_to_trim(connections: Connections) -> None:
    assert not retention.trim(connections, 5, DAYS)


def test_a_worker_that_deletes_says_so_when_it_starts(settings: Settings) -> None:
    stopping = threading.Event()
    stopping.set()
    with capture_logs() as logs:
        WebhookWorker(settings, stopping).run()
        WebhookWorker(replace(settings, message_lifetime_seconds=3_600, session_lifetime_hours=5), stopping).run()
    assert logs == [
        {"event": "messages_will_be_deleted", "log_level": "warning", "after_seconds": 3_600},
        {"event": "disconnected_sessions_will_be_deleted", "log_level": "warning", "after_hours": 5},
    ]
