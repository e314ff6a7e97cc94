"""The queue's routes: schedule, bulk, rows, settings, Idempotency-Key; as far as rows go, without a worker."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import cleaning, outbox_states
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, NotRegistered, PacingLimit, SessionNotConnected
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, idempotency_keys, outbox
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session
from workers import outbox_retention

PATH = "/api/chat/send-text"
BODY = {"to": "5599999999999", "text": "oi", "linkPreview": False, "useQueue": True}


@pytest.fixture
def alice(linked_alice: Owner) -> Owner:
    return linked_alice


def queue(owner: Owner, **fields: Any) -> Any:
    return owner.post(PATH, json=BODY | fields)


def rows(connections: Connections) -> list[Any]:
    with connections.reading() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


def move(connections: Connections, owner: Owner, row_id: str, to: SendState, **values: Any) -> None:
    """What the runner would do to a waiting row."""
    with outbox_states.changing(connections) as (connection, changes):
        assert outbox_states.move(
            connection, changes, owner.id, [outbox.c.id == int(row_id)], [SendState.QUEUED], to, **values
        )


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_a_send_for_later_waits_apart(alice: Owner, connections: Connections) -> None:
    answer = queue(alice, useQueue=False, sendAt=in_hours(2)).json
    assert answer["message"] == "Mensagem adicionada à fila"
    assert answer["data"]["estimatedDelay"] == pytest.approx(7_200_000, abs=5_000)
    assert queue(alice, sendAt=in_hours(-2)).json["data"]["queuePosition"] == 0
    assert [row.state for row in rows(connections)] == ["scheduled", "queued"]
    status = alice.get("/api/chat/queue/status").json["data"]
    assert (status["queueLength"], status["scheduled"]) == (2, 1)


@pytest.mark.parametrize(
    "moment", ["amanhã", "2026-12-24", "2026-12-24T18:00:00", in_hours(24 * 400)], ids=["word", "day", "zone", "far"]
)
def test_a_moment_needs_an_offset_and_a_year_is_enough(alice: Owner, moment: str) -> None:
    answer = queue(alice, sendAt=moment)
    assert answer.status_code == 400
    assert answer.json["message"].startswith("sendAt deve")


def test_bulk_is_all_or_nothing(alice: Owner, connections: Connections) -> None:
    good = {"type": "text", "to": "5599999999999", "text": "oi", "delay": 300}
    place = {"type": "location", "to": "5599999999999", "latitude": 1, "longitude": 2, "sendAt": in_hours(1)}
    for bad, message in (
        ({"type": "text", "to": "5599999999999"}, "messages[2].to e text são obrigatórios"),
        ({"type": "text", "to": "abc", "text": "oi"}, "messages[2].to deve ser um número de telefone"),
        ({"type": "carta"}, "messages[2].type deve ser um de: text"),
        ({**good, "quoted": "NINGUEM"}, "messages[2]: quoted: mensagem NINGUEM não encontrada"),
        ({**good, "mentionAll": True}, "messages[2]: mentionAll só vale para grupos"),
    ):
        answer = alice.post("/api/chat/send-bulk", json={"messages": [good, place, bad]})
        assert answer.status_code == 400 and answer.json["message"].startswith(message), answer.json
    assert rows(connections) == []
    answer = alice.post("/api/chat/send-bulk", json={"messages": [good, place, good]}).json["data"]
    assert answer["accepted"] == 3
    assert [one["queuePosition"] for one in answer["messages"]] == [0, 1, 1]
    assert [(row.action, row.state, row.delay_ms) for row in rows(connections)] == [
        ("send_text", "queued", 300), ("send_location", "scheduled", 0), ("send_text", "queued", 300),
    ]  # fmt: skip


def test_bulk_has_its_bounds(alice: Owner) -> None:
    for messages in ([], [{"type": "text"}] * 1_001, "oi", None):
        answer = alice.post("/api/chat/send-bulk", json={"messages": messages})
        assert answer.status_code == 400 and answer.json["message"].startswith("messages "), answer.json


def test_a_full_queue_takes_no_more(database: Settings, connections: Connections) -> None:
    from dataclasses import replace

    root = Caller(create_app(replace(database, queue_limit=3)).test_client(), database.global_api_key)
    alice = own_session(root, "alice-vendas")
    with connections.transaction() as connection:
        connection.execute(sa.text("UPDATE sessions SET paired = 1"))
    two = {"messages": [{"type": "text", "to": "5599999999999", "text": "oi"}] * 2}
    assert alice.post("/api/chat/send-bulk", json=two).status_code == 200
    refused = alice.post("/api/chat/send-bulk", json=two)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert queue(alice).status_code == 200
    assert queue(alice).status_code == 429
    assert len(rows(connections)) == 3
    assert alice.get("/api/chat/queue/status").json["data"]["queueLength"] == 3


def test_rows_are_listed_by_pages_and_states(alice: Owner, connections: Connections) -> None:
    ids = [queue(alice, text=f"texto {number}").json["data"]["id"] for number in range(5)]
    move(connections, alice, ids[0], SendState.FAILED, error=outbox_states.wire(NotRegistered()))
    first = alice.get("/api/chat/queue?limit=3").json["data"]
    assert [send["id"] for send in first["sends"]] == ids[:1:-1]
    second = alice.get(f"/api/chat/queue?limit=3&before={first['next']}").json["data"]
    assert [send["id"] for send in second["sends"]] == [ids[1], ids[0]] and second["next"] is None
    (failed,) = alice.get("/api/chat/queue?state=failed").json["data"]["sends"]
    assert failed["error"] == {"code": "not_registered", "message": NotRegistered.default}
    assert alice.get("/api/chat/queue?state=perdido").status_code == 400


def test_a_row_is_cancelled_and_retried(alice: Owner, connections: Connections) -> None:
    row = queue(alice).json["data"]["id"]
    path = f"/api/chat/queue/{row}"
    assert alice.post(f"{path}/retry").status_code == 409  # it waits
    assert alice.delete(path).json["data"]["state"] == "cancelled"
    assert alice.delete(path).status_code == 409
    assert alice.post(f"{path}/retry").json["data"]["state"] == "queued"
    assert alice.get(path).json["data"]["finishedAt"] is None
    move(connections, alice, row, SendState.UNCERTAIN)
    assert alice.get("/api/chat/queue/status").json["data"]["uncertain"] == 1
    assert alice.post(f"{path}/retry").json["data"]["state"] == "queued"
    move(connections, alice, row, SendState.SENT)
    assert alice.post(f"{path}/retry").status_code == 409
    assert alice.get("/api/chat/queue/999999").status_code == 404


def test_another_sessions_rows_are_not_there(alice: Owner, connections: Connections) -> None:
    row = queue(alice).json["data"]["id"]
    bob = own_session(Caller(alice.client, "chave-global-de-teste"), "bob-suporte")
    assert bob.get(f"/api/chat/queue/{row}").status_code == 404
    assert bob.delete(f"/api/chat/queue/{row}").status_code == 404
    assert bob.get("/api/chat/queue").json["data"]["sends"] == []


def test_settings_change_in_part(alice: Owner) -> None:
    shown = alice.get("/api/config/queue").json["data"]
    assert shown["gap"] == 1_000 and shown["policy"] == "hold" and shown["pacing"]["perMinute"] is None
    alice.put("/api/config/queue", json={"gap": [500, 900], "pacing": {"perMinute": 5}})
    changed = alice.put("/api/config/queue", json={"policy": "resend"}).json["data"]
    assert (changed["gap"], changed["policy"], changed["pacing"]["perMinute"]) == ([500, 900], "resend", 5)
    assert alice.put("/api/config/queue", json={"pacing": None}).json["data"]["pacing"]["perMinute"] is None
    for bad in (
        {"gap": [2, 1]}, {"gap": "muito"}, {"gap": -1}, {"policy": "talvez"}, {"pacing": {"perMinute": 0}},
        {"pacing": {"quietHours": {"from": "25:00", "to": "08:00"}}},
    ):  # fmt: skip
        assert alice.put("/api/config/queue", json=bad).status_code == 400, bad


def keyed(owner: Owner, key: str = "pedido-1", **fields: Any) -> Any:
    return owner.post(PATH, json=BODY | fields, headers={"Idempotency-Key": key})


def test_a_key_is_answered_once_and_for_all(alice: Owner, connections: Connections) -> None:
    first = keyed(alice)
    assert keyed(alice).json == first.json
    spaced = alice.post(
        PATH, data='{ "useQueue": true, "linkPreview": false, "text": "oi", "to": "5599999999999" }',
        headers={"Idempotency-Key": "pedido-1", "Content-Type": "application/json"},
    )  # fmt: skip
    assert spaced.json == first.json
    assert len(rows(connections)) == 1
    other = keyed(alice, text="outro")
    assert other.status_code == 400 and "Idempotency-Key" in other.json["message"]
    assert keyed(alice, key="pedido-2").json["data"]["id"] != first.json["data"]["id"]
    bulk = {"messages": [{"type": "text", "to": "5599999999999", "text": "oi"}] * 2}
    answers = [
        alice.post("/api/chat/send-bulk", json=bulk, headers={"Idempotency-Key": "pedido-1"}).json for _ in range(2)
    ]
    assert answers[0] == answers[1] and len(rows(connections)) == 4


def test_a_key_is_forgotten_after_a_day(alice: Owner, connections: Connections) -> None:
    keyed(alice)
    with connections.transaction() as connection:
        connection.execute(idempotency_keys.update().values(created_at=now_ms() - 24 * 3_600_000 - 1))
    assert keyed(alice, text="outro").status_code == 200
    assert len(rows(connections)) == 2


def test_one_key_from_many_at_once_is_one_row(alice: Owner, connections: Connections) -> None:
    app = alice.client.application

    def call(_: int) -> Any:
        return app.test_client().post(
            PATH, json=BODY, headers={"apikey": alice.key or "", "Idempotency-Key": "pedido-1"}
        )

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["data"]["id"] for answer in answers}) == 1
    assert len(rows(connections)) == 1


def direct_with_key(connections: Connections, owner: Owner) -> int:
    """A direct send that `keyed(owner, useQueue=False)` repeats; its row, which is queued."""
    values = {"action": "send_text", "recipient": "5599999999999", "payload": {}, "direct": True}
    request_hash = hashlib.sha256(json.dumps(BODY | {"useQueue": False}, sort_keys=True).encode()).hexdigest()
    with connections.transaction() as connection:
        changes = outbox_states.Changes()
        (row,) = outbox_states.accept(connection, changes, owner.id, [outbox_states.NewSend(**values)])  # type: ignore[arg-type]
        connection.execute(
            idempotency_keys.insert(),
            {
                "session_id": owner.id, "route": f"POST {PATH}", "key": "pedido-1", "request_hash": request_hash,
                "row_id": row, "created_at": now_ms(),
            },
        )  # fmt: skip
    return row


def test_an_uncertain_send_is_not_made_again_by_its_key(alice: Owner, connections: Connections) -> None:
    """Also while the session is not connected, and when its owner has dismissed it: the answer is known."""
    row = direct_with_key(connections, alice)
    move(connections, alice, str(row), SendState.UNCERTAIN)
    for _ in range(2):
        answer = keyed(alice, useQueue=False)
        assert (answer.status_code, answer.json["reference"]) == (504, str(row))
        alice.delete(f"/api/chat/queue/{row}")
    assert [each.state for each in rows(connections)] == ["dismissed"]


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [(NotRegistered(), True), (PacingLimit(retry_after=9), False), (SessionNotConnected("caiu há pouco"), False)],
)
def test_a_refusal_of_a_moment_frees_the_key(
    alice: Owner, connections: Connections, error: FlashAPIError, is_kept: bool
) -> None:
    row = direct_with_key(connections, alice)
    move(connections, alice, str(row), SendState.FAILED, error=json.dumps(error.to_wire()))
    answer = keyed(alice, useQueue=False)
    assert answer.json["message"] == (NotRegistered.default if is_kept else "Sessão não está conectada")
    assert len(rows(connections)) == 1


def test_a_send_with_a_key_stays_as_long_as_the_key(
    alice: Owner, connections: Connections, database: Settings
) -> None:
    kept, other = direct_with_key(connections, alice), int(queue(alice).json["data"]["id"])
    sent = {"chat": "5599999999999@s.whatsapp.net", "message_id": "3EB0", "message_timestamp": 7}
    for row in (kept, other):
        move(connections, alice, str(row), SendState.SENT, **sent)
    with connections.transaction() as connection:
        connection.execute(outbox.update().values(finished_at=now_ms() - 2 * 3_600_000))
    cleaning.clean(connections, replace(database, message_lifetime_seconds=3_600))
    assert [row.id for row in rows(connections)] == [kept]
    assert keyed(alice, useQueue=False).json["data"]["id"] == "3EB0"
    with connections.transaction() as connection:
        connection.execute(idempotency_keys.update().values(created_at=now_ms() - 24 * 3_600_000 - 1))
    outbox_retention.trim(connections, 0.01)
    outbox_retention.trim(connections, 0.01)
    assert rows(connections) == []


def test_a_send_that_was_forgotten_on_request_is_not_made_again_by_its_key(
    alice: Owner, connections: Connections
) -> None:
    row = direct_with_key(connections, alice)
    move(connections, alice, str(row), SendState.SENT, chat="5599999999999@s.whatsapp.net", message_id="3EB0")
    assert alice.delete("/api/chat/messages?jid=5599999999999").status_code == 200
    assert rows(connections) == []
    assert keyed(alice, useQueue=False).status_code == 410


def test_a_send_whose_file_is_gone_is_not_retried(alice: Owner, connections: Connections) -> None:
    row = queue(alice).json["data"]["id"]
    media = {"media": {"spool": "out_x_0123456789abcdef", "mimetype": "image/png", "size": 1, "sha256": "0"}}
    move(connections, alice, row, SendState.FAILED, payload=json.dumps(media))
    assert alice.post(f"/api/chat/queue/{row}/retry").status_code == 410
    assert alice.get(f"/api/chat/queue/{row}").json["data"]["state"] == "failed"
