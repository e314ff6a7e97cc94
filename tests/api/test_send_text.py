"""POST /api/chat/send-text: what is accepted, the row it becomes, and truthful answers when nobody sends it."""

import json
import sqlite3
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import outbox_states, shards
from flashapi.errors import NotRegistered
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.services import acceptance
from flashapi.services import outbox as services_outbox
from flashapi.services.backend import Backend
from tests.api.conftest import Owner, show_connected, write
from tests.support.servers import wait_until

PATH = "/api/chat/send-text"
MISSING = "to e text são obrigatórios"
BAD_TO = "to deve ser um número de telefone com DDI ou um JID do WhatsApp"


def rows(backend: Backend) -> list[Any]:
    with backend.connections.reading() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


def move(backend: Backend, row_id: int | str, to: SendState) -> None:
    """What its runner does to a queued row."""
    with outbox_states.changing(backend.connections) as (connection, changes):
        session_id = next(row.session_id for row in rows(backend) if row.id == int(row_id))
        assert outbox_states.move(connection, changes, session_id, [outbox.c.id == int(row_id)], [SendState.QUEUED], to)


def queue(owner: Owner, **fields: Any) -> Any:
    return owner.post(PATH, json={"to": "5599999999999", "text": "oi", "useQueue": True, **fields})


@pytest.fixture
def paired(alice: Owner, backend: Backend) -> Owner:
    """Alice's session, linked to a phone and not connected now."""
    write(backend, alice.id, paired=True)
    return alice


@pytest.mark.parametrize(
    "body, message",
    [
        ({}, MISSING),
        ({"to": "5599999999999"}, MISSING),
        ({"text": "oi"}, MISSING),
        ({"to": "5599999999999", "text": ""}, MISSING),
        ({"to": "", "text": "oi"}, MISSING),
        ({"to": None, "text": None}, MISSING),
        ({"to": "abc", "text": "oi"}, BAD_TO),
        ({"to": "12", "text": "oi"}, BAD_TO),
        ({"to": "1234567890123456", "text": "oi"}, BAD_TO),
        ({"to": "x@exemplo.com", "text": "oi"}, BAD_TO),
        ({"to": ["5599999999999"], "text": "oi"}, "to deve ser um texto"),
        ({"to": "5599999999999", "text": {"a": 1}}, "text deve ser um texto"),
        ({"to": "5599999999999", "text": "\ud800"}, "text deve ser um texto"),
        ({"to": "5599999999999", "text": "x" * 65_537}, "text deve ter no máximo 65536 caracteres"),
        ({"to": "5599999999999", "text": "oi", "delay": -1}, "delay deve estar entre 0 e 86400000"),
        ({"to": "5599999999999", "text": "oi", "delay": "já"}, "delay deve ser um número inteiro"),
        ({"to": "5599999999999", "text": "oi", "delay": 60_001}, "delay deve estar entre 0 e 60000 sem useQueue"),
        ({"to": "5599999999999", "text": "oi", "useQueue": "sim"}, "useQueue deve ser true ou false"),
        ({"to": "5599999999999", "text": "oi", "mentions": 7}, "mentions deve ser uma lista de textos"),
    ],
)
def test_what_is_refused(alice: Owner, backend: Backend, body: dict[str, Any], message: str) -> None:
    answer = alice.post(PATH, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json == {"success": False, "message": message}
    assert rows(backend) == []


@pytest.mark.parametrize("use_queue", [False, True])
def test_a_session_that_cannot_send_is_refused(alice: Owner, backend: Backend, use_queue: bool) -> None:
    answer = queue(alice, useQueue=use_queue)
    assert answer.status_code == 400
    assert answer.json == {"success": False, "message": "Sessão não está conectada"}
    assert rows(backend) == []


def test_the_seed_example_with_useQueue_false_as_text_is_direct(paired: Owner) -> None:
    assert queue(paired, useQueue="false").status_code == 400  # a queued one would be accepted


@pytest.mark.parametrize(
    "to, stored",
    [
        ("+55 (21) 99999-9999", "5521999999999"),
        (5521999999999, "5521999999999"),
        ("5521999999999@c.us", "5521999999999@s.whatsapp.net"),
        ("5521999999999:12@s.whatsapp.net", "5521999999999@s.whatsapp.net"),
        ("123456789012345@lid", "123456789012345@lid"),
        ("120363012345678901@g.us", "120363012345678901@g.us"),
        ("5521999999999-1431204051@g.us", "5521999999999-1431204051@g.us"),
    ],
)
def test_recipients_are_normalised(paired: Owner, backend: Backend, to: Any, stored: str) -> None:
    assert queue(paired, to=to).status_code == 200
    assert rows(backend)[0].recipient == stored


def test_a_queued_send_is_a_row(paired: Owner, backend: Backend) -> None:
    body = {
        "to": "5599999999999",
        "text": "Olá! 😄",
        "linkPreview": False,
        "delay": "1200",
        "useQueue": "true",
        "mentions": ["string", "+55 99 99999-9999", "123456789012345@lid", "1@g.us", None],
    }
    answer = paired.post(PATH, json=body, headers={"X-Request-Id": "pedido-9"})
    [row] = rows(backend)
    assert answer.json == {
        "success": True,
        "message": "Mensagem adicionada à fila",
        "data": {"queued": True, "id": str(row.id), "queuePosition": 0, "estimatedDelay": 0},
    }
    assert json.loads(row.payload) == {
        "text": "Olá! 😄",
        "mentions": ["5599999999999@s.whatsapp.net", "123456789012345@lid"],
        "preview": None,
    }
    assert (row.session_id, row.action, row.state, row.direct) == (paired.id, "send_text", "queued", False)
    assert (row.recipient, row.delay_ms, row.request_id) == ("5599999999999", 1200, "pedido-9")


def test_positions_and_delays_add_up(paired: Owner, bob: Owner, backend: Backend) -> None:
    write(backend, bob.id, paired=True)
    queue(bob)
    answers = [queue(paired, delay=500).json["data"] for _ in range(3)]
    assert [(one["queuePosition"], one["estimatedDelay"]) for one in answers] == [(0, 0), (1, 1500), (2, 3000)]
    move(backend, answers[0]["id"], SendState.UNCERTAIN)
    move(backend, answers[1]["id"], SendState.SENDING)
    status = paired.get("/api/chat/queue/status").json["data"]
    expected = {"queueLength": 1, "processing": True, "estimatedDelay": 2500, "uncertain": 1, "paused": False}
    assert expected.items() <= status.items()


def test_clearing_cancels_what_has_not_begun(paired: Owner, bob: Owner, backend: Backend) -> None:
    write(backend, bob.id, paired=True)
    queue(bob)
    first, second = (int(queue(paired).json["data"]["id"]) for _ in range(2))
    move(backend, first, SendState.SENDING)
    answer = paired.post("/api/chat/queue/clear")
    assert answer.json["message"] == "Fila de mensagens limpa com sucesso"
    assert answer.json["data"] == {"cancelled": 1, "uncertain": 0}
    assert [row.state for row in rows(backend)] == ["queued", "sending", "cancelled"]
    assert second == rows(backend)[2].id


def test_a_long_delay_is_for_queued_sends(paired: Owner, backend: Backend) -> None:
    assert queue(paired, delay=86_400_000).status_code == 200
    assert rows(backend)[0].delay_ms == 86_400_000


def test_a_direct_send_nobody_takes_is_withdrawn(alice: Owner, backend: Backend) -> None:
    show_connected(backend, alice.id)
    answer = queue(alice, useQueue=False)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json["message"] == "Nenhum worker disponível no momento; tente novamente"
    [row] = rows(backend)
    assert (row.state, row.direct) == ("cancelled", True)
    assert 0 < row.expires_at - row.created_at <= 5_000
    assert not list(backend.connections.redis.scan_iter("rq:queue:*"))


def test_a_direct_send_that_waits_too_long_behind_others_is_withdrawn(alice: Owner, backend: Backend) -> None:
    lease = show_connected(backend, alice.id)
    queue_key = f"rq:queue:{shards.queue_name('sandbox', lease.shard)}"
    taker = threading.Thread(target=lambda: backend.connections.redis.blpop([queue_key], 10))
    taker.start()
    answer = queue(alice, useQueue=False)
    taker.join()
    assert answer.status_code == 503
    assert answer.json["message"] == "A sessão está ocupada com outro envio; tente novamente em instantes"
    assert [row.state for row in rows(backend)] == ["cancelled"]


@pytest.mark.parametrize(
    "outcome, status, expected",
    [
        (
            {
                "state": SendState.SENT,
                "chat": "5599999999999@s.whatsapp.net",
                "message_id": "3EB0",
                "message_timestamp": 7,
            },
            200,
            {"message": "Mensagem de texto enviada com sucesso"},
        ),
        (
            {"state": SendState.FAILED, "error": json.dumps(NotRegistered().to_wire())},
            400,
            {"message": "O número informado não está registrado no WhatsApp"},
        ),
        ({"state": SendState.UNCERTAIN}, 504, {"reference": "1"}),
    ],
)
def test_the_row_tells_when_the_answer_was_lost(
    alice: Owner, backend: Backend, outcome: dict[str, Any], status: int, expected: dict[str, Any]
) -> None:
    show_connected(backend, alice.id)

    def finish() -> None:
        """What the runner does that found the row before any job told it to."""
        wait_until(lambda: rows(backend), "the row is there")
        with backend.connections.transaction() as connection:
            connection.execute(outbox.update().values(finished_at=now_ms(), **outcome))

    runner = threading.Thread(target=finish)
    runner.start()
    answer = queue(alice, useQueue=False)
    runner.join()
    assert answer.status_code == status
    assert expected.items() <= answer.json.items()
    if status == 200:
        key = {"remoteJid": "5599999999999@s.whatsapp.net", "fromMe": True, "id": "3EB0"}
        assert answer.json["data"] == {
            "success": True,
            "id": "3EB0",
            "key": key,
            "messageTimestamp": 7,
            "timestamp": 7,
            "status": "sent",
        }


def test_a_send_in_doubt_is_not_called_undone_while_the_database_is_away(
    alice: Owner, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_connected(backend, alice.id)
    monkeypatch.setattr(services_outbox, "TAKEN_WITHIN_SECONDS", 0.5)
    accepted = acceptance.direct

    def accept_and_lock(*arguments: Any) -> Any:
        found = accepted(*arguments)
        other.execute("BEGIN IMMEDIATE")  # a writer that takes longer than anybody waits
        return found

    path = backend.settings.data_dir / "flashapi.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    monkeypatch.setattr(acceptance, "direct", accept_and_lock)
    answer = queue(alice, useQueue=False)
    other.execute("ROLLBACK")
    other.close()
    assert (answer.status_code, answer.json["reference"]) == (504, "1")
    assert [row.state for row in rows(backend)] == ["queued"]


def test_typing_counts_for_how_soon_a_send_must_have_begun(
    alice: Owner, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is shown the row is still queued, which is no reason to take it back."""
    lease = show_connected(backend, alice.id)
    monkeypatch.setattr(services_outbox, "TAKEN_WITHIN_SECONDS", 0.2)
    queue_key = f"rq:queue:{shards.queue_name('sandbox', lease.shard)}"

    def type_and_send() -> None:
        backend.connections.redis.blpop([queue_key], 10)
        time.sleep(1)  # the typing itself
        with backend.connections.transaction() as connection:
            sent = {"chat": "5599999999999@s.whatsapp.net", "message_id": "3EB0", "message_timestamp": 7}
            connection.execute(outbox.update().values(state=SendState.SENT, finished_at=now_ms(), **sent))

    runner = threading.Thread(target=type_and_send)
    runner.start()
    answer = queue(alice, useQueue=False, delay=1_000)
    runner.join()
    assert answer.status_code == 200, answer.text
