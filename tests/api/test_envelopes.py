"""The shape of every answer, and how bodies are read."""

import pytest

from tests.api.conftest import Caller, Owner


def test_an_unknown_route_is_404_in_json(charlie: Caller) -> None:
    answer = charlie.get("/api/nope")
    assert answer.status_code == 404
    assert answer.json == {"success": False, "message": "Rota não encontrada"}


def test_a_wrong_method_is_405_in_json(charlie: Caller) -> None:
    answer = charlie.get("/api/session/create_sessao")
    assert answer.status_code == 405
    assert answer.json["success"] is False
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("body", ["{", '{"a":}', "\xff", "[" * 100_000])
def test_malformed_json_is_400(root: Caller, body: str) -> None:
    answer = root.post("/api/session/create_sessao", data=body.encode("latin-1"), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json == {"success": False, "message": "O corpo da requisição não é um JSON válido"}


def test_a_json_body_that_is_no_object_is_400(root: Caller) -> None:
    assert root.post("/api/session/create_sessao", json=["a"]).status_code == 400


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data": b"lixo"},
        {"data": b"", "content_type": "application/json"},
        {"data": b"null", "content_type": "application/json"},
        {"data": b"<a/>", "content_type": "text/xml"},
    ],
)
def test_no_body_and_foreign_bodies_are_an_empty_object(root: Caller, options: dict[str, bytes]) -> None:
    answer = root.post("/api/session/create_sessao", **options, query_string={})
    # The live network is served here as well, so a session without any field is a live one.
    assert answer.status_code == 200
    assert answer.json["dados"]["name"].startswith("instacia_")


def test_a_form_is_read_like_json(root: Caller, alice: Owner) -> None:
    form = {"nome_sessao": "pelo-formulario", "criar_sessao": "false", "gerar_qrcode": "0", "sandbox": "1"}
    answer = root.post("/api/session/create_sessao", data=form)
    assert answer.status_code == 200
    assert answer.json["dados"]["name"] == "pelo-formulario"
    assert answer.json["dados"]["sandbox"] is True


def test_a_form_list_may_be_bracketed(root: Caller, backend: object) -> None:
    form = {"nome_sessao": "com-webhook", "webhookUrl": "https://exemplo.com/x", "events[]": ["qr_updated", "call"]}
    assert root.post("/api/session/create_sessao", data=form).status_code == 200


@pytest.mark.parametrize("method, path", [("GET", "/api/session/list/"), ("GET", "/health/"), ("GET", "/api-docs/")])
def test_a_trailing_slash_is_tolerated(root: Caller, method: str, path: str) -> None:
    assert root.call(method, path).status_code == 200


def test_head_works_on_get_routes(root: Caller) -> None:
    answer = root.call("HEAD", "/api/session/list")
    assert answer.status_code == 200
    assert answer.data == b""


def test_a_body_over_the_limit_is_413(root: Caller) -> None:
    answer = root.post(
        "/api/session/create_sessao", data=b" " * (10 * 1024 * 1024 + 1), content_type="application/json"
    )
    assert answer.status_code == 413
    assert answer.json["success"] is False


def test_the_request_id_comes_back(charlie: Caller) -> None:
    given = charlie.get("/health", headers={"X-Request-Id": "pedido-1"})
    invalid = charlie.get("/health", headers={"X-Request-Id": "com espaço"})
    assert given.headers["X-Request-Id"] == "pedido-1"
    assert len(invalid.headers["X-Request-Id"]) == 32


def test_security_headers_are_on_every_answer(charlie: Caller) -> None:
    for path in ("/health", "/api/nope", "/api-docs"):
        headers = charlie.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers  # plain HTTP here


def test_a_chunked_body_over_the_limit_is_413(root: Caller) -> None:
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}
    body = b'{"nome_sessao": "x' + b" " * (10 * 1024 * 1024) + b'"}'
    answer = root.post(
        "/api/session/create_sessao", data=body, content_type="application/json", environ_overrides=chunked
    )
    assert answer.status_code == 413
