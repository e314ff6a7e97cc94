"""A page in the middle of much costs MariaDB what the first one does: it begins to read at its place."""

import pytest
import sqlalchemy as sa
from flask import Flask

from flashapi.connections import Connections
from flashapi.indexes import along
from flashapi.models.events import deliveries, events
from flashapi.models.outbox import outbox
from flashapi.settings import Settings
from tests.api.conftest import Caller
from tests.support.facts import Session, add_endpoint, add_session

MANY = 20_000
FEW = 3_000
"""Rows; a look into the log of deliveries goes by windows of a thousand."""


@pytest.fixture
def alice(connections: Connections, app_on_each: Flask) -> Caller:
    """A session with very many sends, events and deliveries, all of one kind."""
    session = add_session(connections, "sessao-de-alice")
    _fill(connections, session, add_endpoint(connections, session.id, "https://example.com/"))
    return Caller(app_on_each.test_client(), session.key)


def _fill(connections: Connections, session: Session, endpoint: int) -> None:
    send = {
        "session_id": session.id, "action": "send_text", "recipient": "5511987654321", "payload": "{}", "rank": 100,
        "direct": False, "due_at": 0, "delay_ms": 0, "state": "queued", "attempts": 0, "epoch": 0, "created_at": 1,
    }  # fmt: skip
    told = {"session_id": session.id, "session_name": session.name, "name": "call", "time": 1, "data": "{}"}
    delivery = {"endpoint_id": endpoint, "session_id": session.id, "event": "call", "state": "dead", "created_at": 1}
    with connections.transaction() as connection:
        connection.execute(outbox.insert(), [send] * MANY)
        connection.execute(events.insert(), [told | {"id": f"evt_{each}"} for each in range(MANY)])
        positions = connection.scalars(sa.select(events.c.position))
        connection.execute(deliveries.insert(), [delivery | {"position": position} for position in positions])


def _rows_read(connections: Connections) -> int:
    """By the server, for everybody, since it was started."""
    with connections.reading() as connection:
        found = connection.execute(sa.text("SHOW GLOBAL STATUS LIKE 'Handler_read_%'"))
        return sum(int(row.Value) for row in found)


def test_a_page_is_read_from_its_place(database: Settings, connections: Connections, alice: Caller) -> None:
    if database.database_url.startswith("sqlite"):
        pytest.skip("it counts what MariaDB reads")
    with connections.reading() as connection:
        webhook = connection.scalar(sa.select(deliveries.c.endpoint_id).limit(1))
        send, delivery, position = (
            connection.scalar(sa.select(sa.func.min(column))) + MANY // 2
            for column in (outbox.c.id, deliveries.c.id, events.c.position)
        )
        event = connection.scalar(sa.select(events.c.id).where(events.c.position == position))
    log = f"/api/webhook/{webhook}/deliveries"
    for path in (
        f"/api/chat/queue?before={send}&limit=50",
        f"/api/chat/queue?before={send}&state=queued&limit=50",
        f"/api/events?after={event}&limit=50",
        f"{log}?before={delivery}&limit=50",
        f"{log}?before={delivery}&state=dead&limit=50",
    ):
        before = _rows_read(connections)
        answer = alice.get(path)
        read = _rows_read(connections) - before
        assert answer.status_code == 200, (path, answer.json)
        assert read < FEW, (path, read)


def test_an_index_that_is_missing_is_noticed() -> None:
    with pytest.raises(LookupError, match="payload"):
        along(sa.select(outbox), outbox.c.session_id, outbox.c.payload)
