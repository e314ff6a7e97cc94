"""Contact routes without WhatsApp: what is refused before anybody is asked, and the list from the table."""

import pytest

from flashapi.events import Person
from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner, show_connected
from workers import contact_rows

JID_MISSING, NUMBERS_MISSING = "JID é obrigatório", "Lista de números é obrigatória"
NO_PERSON = "jid deve ser o número ou JID de uma pessoa"
NO_NAME = "jid deve ser um número de telefone com DDI ou um JID do WhatsApp"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "list"),
        ("POST", "sync"),
        ("POST", "force-sync-all"),
        ("GET", "profile"),
        ("POST", "profile"),
        ("POST", "check"),
        ("GET", "lid"),
        ("GET", "picture"),
        ("POST", "block"),
        ("POST", "unblock"),
        ("GET", "blocklist"),
    ],
)
def test_a_session_key_is_needed(charlie: Caller, method: str, path: str) -> None:
    answer = charlie.call(method, f"/api/contact/{path}")
    assert (answer.status_code, answer.json["message"]) == (401, "API Key é obrigatória")


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "profile", {}, JID_MISSING),
        ("POST", "profile", {"jid": ""}, JID_MISSING),
        ("GET", "profile", None, JID_MISSING),
        ("GET", "profile?jid=1203630000@g.us", None, NO_PERSON),
        ("POST", "block", {}, JID_MISSING),
        ("POST", "unblock", {"jid": "alguém"}, NO_NAME),
        ("GET", "lid?jid=x", None, NO_NAME),
        ("GET", "picture", None, JID_MISSING),
        ("POST", "check", {}, NUMBERS_MISSING),
        ("POST", "check", {"numbers": {"a": 1}}, "numbers deve ser uma lista de textos"),
        ("POST", "check", {"numbers": ["5511987654321"] * 501}, "numbers deve ter no máximo 500 números"),
    ],
)
def test_what_is_refused(alice: Owner, method: str, path: str, body: object, message: str) -> None:
    answer = alice.call(method, f"/api/contact/{path}", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, message)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "sync", {}),
        ("POST", "force-sync-all", {}),
        ("GET", "profile?jid=5511987654321", None),
        ("POST", "check", {"numbers": ["5511987654321"]}),
        ("POST", "block", {"jid": "5511987654321"}),
        ("GET", "blocklist", None),
    ],
)
def test_a_session_without_connection(alice: Owner, method: str, path: str, body: object) -> None:
    answer = alice.call(method, f"/api/contact/{path}", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, "Sessão não está conectada")


def test_a_question_nobody_takes_is_withdrawn(alice: Owner, backend: Backend) -> None:
    show_connected(backend, alice.id)
    answer = alice.post("/api/contact/check", json={"numbers": ["5511987654321"]})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_the_list_is_each_session_s_own(alice: Owner, bob: Owner, backend: Backend) -> None:
    who = Person(jid="5511987654321@s.whatsapp.net", lid="1234@lid")
    with backend.connections.transaction() as connection:
        contact_rows.note(connection, alice.id, who, name="Dora", push_name="Dorinha", about="Oi")
    data = alice.get("/api/contact/list").json["data"]
    assert data["total"] == 1
    [shown] = data["contacts"]
    assert {name: shown[name] for name in ("jid", "lid", "nome", "apelido", "nome_verificado", "status_contato")} == {
        "jid": who.jid, "lid": who.lid, "nome": "Dora", "apelido": "Dorinha", "nome_verificado": None,
        "status_contato": "Oi",
    }  # fmt: skip
    assert shown["sessao_id"] == alice.id
    assert bob.get("/api/contact/list").json["data"] == {"contacts": [], "total": 0}
