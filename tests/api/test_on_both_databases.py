"""The session routes' own SQL, on SQLite and on MariaDB."""

import json

import pytest
import sqlalchemy as sa

from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.models.outbox import outbox
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session


@pytest.fixture
def root(database: Settings, connections: Connections) -> Caller:
    """The holder of the global key, on this database."""
    return Caller(create_app(database).test_client(), database.global_api_key)


def test_a_session_lives_and_dies(root: Caller, connections: Connections) -> None:
    alice = own_session(root, "alice-vendas", webhookUrl="https://exemplo.com/w", events=["qr_updated"])
    own_session(root, "Alice-Vendas")  # names are compared exactly
    assert root.post("/api/session/create_sessao", json={"nome_sessao": alice.name}).status_code == 409
    assert alice.get("/api/session/status").json["data"]["hasWebhook"] is True
    assert len(root.get("/api/session/list").json["data"]["sessions"]) == 2
    key = root.post(f"/api/session/{alice.id}/key").json["data"]["apikey"]
    assert alice.get("/api/session/status").status_code == 401
    assert root.delete(f"/api/session/delete/{key}").status_code == 200
    assert root.get("/api/session/list").json["data"]["total"] == 1


def test_the_queue_adds_up(root: Caller, connections: Connections) -> None:
    alice: Owner = own_session(root, "alice-vendas")
    with connections.transaction() as connection:
        connection.execute(sa.text("UPDATE sessions SET paired = 1"))
    body = {"to": "5599999999999", "text": "Olá! 😄", "useQueue": True, "delay": 200}
    answers = [alice.post("/api/chat/send-text", json=body).json["data"] for _ in range(2)]
    assert [(one["queuePosition"], one["estimatedDelay"]) for one in answers] == [(0, 0), (1, 1200)]
    with connections.reading() as connection:
        payload = connection.execute(sa.select(outbox.c.payload).limit(1)).scalar_one()
    assert json.loads(payload)["text"] == "Olá! 😄"
    assert alice.get("/api/chat/queue/status").json["data"]["estimatedDelay"] == 2400
    assert alice.post("/api/chat/queue/clear").json["data"] == {"cancelled": 2, "uncertain": 0}
