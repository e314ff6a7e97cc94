"""Deleting for everybody: only what a phone would delete at this session's word, now or by the queue."""

from typing import Any

import pytest
import sqlalchemy as sa

from flashapi.models.base import now_ms
from flashapi.models.groups import groups
from flashapi.models.outbox import outbox, rank_of
from flashapi.services.backend import Backend
from tests.api.conftest import Owner, show_connected, write
from tests.api.test_config import add_message

GROUP = "120363000000000001@g.us"
BOB = "5511987654321@s.whatsapp.net"
OWN_LID = "1001@lid"
NOT_SENT_BY_US = "Só quem enviou a mensagem pode apagá-la para todos"
NOT_ADMIN = "Só administradores do grupo podem apagar para todos as mensagens de outras pessoas"


@pytest.fixture
def connected(alice: Owner, backend: Backend) -> Owner:
    show_connected(backend, alice.id)
    write(backend, alice.id, lid=OWN_LID)
    return alice


def add_group(backend: Backend, session_id: str, admin: str | None) -> None:
    """A group that shows this session's account by its LID alone."""
    participants = [{"jid": None, "lid": OWN_LID, "admin": admin}, {"jid": BOB, "lid": None, "admin": "superadmin"}]
    row = {"session_id": session_id, "jid": GROUP, "subject": "Vendas", "participants": participants}
    with backend.connections.transaction() as connection:
        connection.execute(groups.insert(), {**row, "created_at": now_ms(), "updated_at": now_ms()})


def rows(backend: Backend) -> list[Any]:
    with backend.connections.reading() as connection:
        return list(connection.execute(sa.select(outbox)))


def refusal(reason: str) -> dict[str, Any]:
    return {"success": False, "message": "Error ao deletar mensagem", "reason": reason, "data": []}


def test_what_somebody_else_wrote_in_a_private_chat_is_not_ours_to_delete(connected: Owner, backend: Backend) -> None:
    add_message(backend, connected.id, 1, chat=BOB, sender=BOB, from_me=False)
    answer = connected.delete("/api/chat/delete/M1")
    assert (answer.status_code, answer.json) == (200, refusal(NOT_SENT_BY_US))
    assert rows(backend) == []


@pytest.mark.parametrize("admin", [None, "admin", "unknown group"])
def test_in_a_group_others_messages_are_for_admins_to_delete(
    connected: Owner, backend: Backend, admin: str | None
) -> None:
    if admin != "unknown group":
        add_group(backend, connected.id, admin)
    add_message(backend, connected.id, 1, chat=GROUP, sender=BOB, from_me=False, is_group=True)
    answer = connected.delete("/api/chat/delete/M1?useQueue=true")
    if admin == "admin":
        assert answer.json["success"] is True
        (row,) = rows(backend)
        assert (row.action, row.recipient) == ("send_revoke", GROUP)
    else:
        assert answer.json == refusal(NOT_ADMIN)
        assert rows(backend) == []


@pytest.mark.parametrize(
    "sending",
    [
        {"query_string": {"useQueue": "true", "delay": "300", "priority": "7"}},
        {"json": {"useQueue": True, "delay": 300, "priority": 7}},
        {"query_string": {"delay": "9", "priority": "7"}, "json": {"useQueue": True, "delay": 300}},
    ],
)
def test_it_waits_in_the_queue_like_any_other_send(connected: Owner, backend: Backend, sending: dict[str, Any]) -> None:
    add_message(backend, connected.id, 1, chat=BOB, from_me=True)
    answer = connected.delete("/api/chat/delete/M1", **sending)
    assert (answer.status_code, answer.json["message"]) == (200, "Exclusão adicionada à fila")
    assert answer.json["data"]["queued"] is True
    (row,) = rows(backend)
    assert (row.action, row.recipient, row.delay_ms, row.rank) == ("send_revoke", BOB, 300, rank_of(7))


def test_it_can_be_scheduled(connected: Owner, backend: Backend) -> None:
    add_message(backend, connected.id, 1, chat=BOB, from_me=True)
    due = now_ms() + 3_600_000
    answer = connected.delete("/api/chat/delete/M1", query_string={"sendAt": str(due)})
    assert answer.json["success"] is True
    (row,) = rows(backend)
    assert (row.state, row.due_at) == ("scheduled", due)


def test_a_query_that_cannot_be_read_is_refused(connected: Owner, backend: Backend) -> None:
    add_message(backend, connected.id, 1, chat=BOB, from_me=True)
    answer = connected.delete("/api/chat/delete/M1?delay=muito")
    assert answer.status_code == 400 and answer.json["message"].startswith("delay")
    assert rows(backend) == []


def test_an_idempotency_key_is_for_one_query(connected: Owner, backend: Backend) -> None:
    add_message(backend, connected.id, 1, chat=BOB, from_me=True)
    key = {"Idempotency-Key": "apagar-1"}
    first = connected.delete("/api/chat/delete/M1?useQueue=true", headers=key)
    again = connected.delete("/api/chat/delete/M1?useQueue=true", headers=key)
    other = connected.delete("/api/chat/delete/M1?useQueue=true&priority=3", headers=key)
    assert first.json["data"] == again.json["data"] and other.status_code == 400
    assert len(rows(backend)) == 1
