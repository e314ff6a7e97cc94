"""Who is let in where, in the contract's words."""

import pytest
import sqlalchemy as sa

from flashapi.services.backend import Backend
from tests.api.conftest import GLOBAL_KEY, Caller, Owner

GLOBAL_ROUTES = [
    ("GET", "/api/session/list"),
    ("POST", "/api/session/create_sessao"),
    ("GET", "/api/session/health"),
    ("DELETE", "/api/session/delete/x"),
    ("POST", "/api/session/x/key"),
    ("GET", "/api/sandbox/phone"),
]
SESSION_ROUTES = [
    ("GET", "/api/session/status"),
    ("PUT", "/api/session/conectar_sessao"),
    ("PUT", "/api/session/restart"),
    ("POST", "/api/session/reconnect"),
    ("DELETE", "/api/session/desconect/x"),
    ("POST", "/api/chat/send-text"),
    ("GET", "/api/chat/queue/status"),
    ("POST", "/api/chat/queue/clear"),
]


@pytest.mark.parametrize("method, path", GLOBAL_ROUTES)
def test_a_global_route_without_a_key(charlie: Caller, method: str, path: str) -> None:
    answer = charlie.call(method, path)
    assert answer.status_code == 401
    assert answer.json == {"success": False, "message": "apikey é obrigatória. Use o header apikey"}


@pytest.mark.parametrize("method, path", GLOBAL_ROUTES)
def test_a_global_route_with_a_session_key(alice: Owner, method: str, path: str) -> None:
    answer = alice.call(method, path)
    assert answer.status_code == 401
    assert answer.json == {"success": False, "message": "API Key inválida"}


@pytest.mark.parametrize("method, path", SESSION_ROUTES)
def test_a_session_route_without_a_key(charlie: Caller, method: str, path: str) -> None:
    answer = charlie.call(method, path)
    assert answer.status_code == 401
    assert answer.json == {"success": False, "message": "API Key é obrigatória"}


@pytest.mark.parametrize("method, path", SESSION_ROUTES)
def test_a_session_route_with_the_global_key_alone(root: Caller, method: str, path: str) -> None:
    answer = root.call(method, path)
    assert answer.status_code == 401
    assert answer.json == {"success": False, "message": "API Key inválida ou inativa"}


@pytest.mark.parametrize(
    "headers",
    [
        {"apikey": GLOBAL_KEY},
        {"Authorization": GLOBAL_KEY},
        {"Authorization": f"Bearer {GLOBAL_KEY}"},
        {"x-api-key": GLOBAL_KEY},
        {"apikey": "", "x-api-key": GLOBAL_KEY},
    ],
)
def test_the_global_key_comes_in_three_headers(charlie: Caller, headers: dict[str, str]) -> None:
    assert charlie.get("/api/session/list", headers=headers).status_code == 200


def test_the_first_header_that_is_not_empty_wins(charlie: Caller) -> None:
    headers = {"apikey": "errada", "Authorization": GLOBAL_KEY}
    assert charlie.get("/api/session/list", headers=headers).status_code == 401


def test_a_key_in_the_query_string_is_none(charlie: Caller) -> None:
    assert charlie.get(f"/api/session/list?apikey={GLOBAL_KEY}").status_code == 401


def test_a_session_key_counts_in_apikey_only(charlie: Caller, alice: Owner) -> None:
    assert charlie.get("/api/session/status", headers={"x-api-key": str(alice.key)}).status_code == 401
    assert charlie.get("/api/session/status", headers={"apikey": str(alice.key).upper()}).status_code == 200


def test_the_global_key_acts_for_a_named_session(root: Caller, alice: Owner) -> None:
    for named in (alice.id, alice.name):
        answer = root.get("/api/session/status", headers={"x-session": named})
        assert answer.status_code == 200
        assert answer.json["data"]["id"] == alice.id
    assert root.get("/api/session/status", headers={"x-session": "ninguém"}).status_code == 404


def test_x_session_does_not_change_whom_a_session_key_opens(alice: Owner, bob: Owner) -> None:
    answer = alice.get("/api/session/status", headers={"x-session": bob.id})
    assert answer.json["data"]["id"] == alice.id


def test_keys_are_stored_as_hashes_only(alice: Owner, backend: Backend) -> None:
    with backend.connections.reading() as connection:
        stored = [str(value) for row in connection.execute(sa.text("SELECT * FROM sessions")) for value in row]
    assert str(alice.key) not in " ".join(stored)


def test_a_database_that_is_away_is_503_and_not_401(alice: Owner, backend: Backend) -> None:
    path = backend.settings.data_dir / "flashapi.sqlite"
    backend.connections.engine.dispose()
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    answer = alice.get("/api/session/status")
    assert answer.status_code == 503
    assert answer.json == {"success": False, "message": "Banco de dados indisponível no momento"}
    assert int(answer.headers["Retry-After"]) > 0
