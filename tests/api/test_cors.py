"""Which pages may call."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from flashapi.app import create_app
from flashapi.settings import Settings


@pytest.fixture
def exact(settings: Settings) -> Iterator[FlaskClient]:
    """An installation with two allowed origins."""
    yield create_app(replace(settings, cors_origins=("https://meusite.com", "http://localhost:8080"))).test_client()


def test_allowed_origins_are_echoed(exact: FlaskClient) -> None:
    answer = exact.get("/health", headers={"Origin": "https://meusite.com"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://meusite.com"
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://meusite.co", "https://meusite.com.br", "http://meusite.com", "null"])
def test_other_origins_are_answered_without_leave(exact: FlaskClient, origin: str) -> None:
    answer = exact.get("/health", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_needs_no_key(exact: FlaskClient) -> None:
    asked = {
        "Origin": "https://meusite.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apikey,content-type",
    }
    answer = exact.options("/api/session/create_sessao", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Headers"] == "apikey,content-type"
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]


def test_a_star_allows_all(settings: Settings) -> None:
    answer = create_app(settings).test_client().get("/api/session/list", headers={"Origin": "https://x.example"})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "https://x.example"
