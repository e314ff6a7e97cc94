"""How many requests a caller has, what the headers say, and what happens to guessers of keys."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session
from workers.migrations import migrate

pytestmark = pytest.mark.openapi


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Five requests a minute."""
    return replace(settings, rate_limit_max=5, rate_limit_given=True)


def test_a_key_has_its_own_window(root: Caller, charlie: Caller) -> None:
    answers = [root.get("/api/session/list") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert answers[5].json == {
        "success": False,
        "message": "Muitas requisições. Tente novamente mais tarde.",
    }
    assert 1 <= int(answers[5].headers["Retry-After"]) <= 60
    assert answers[0].headers["X-RateLimit-Limit"] == answers[0].headers["RateLimit-Limit"] == "5"
    assert charlie.get("/api/session/list").status_code == 401


def test_the_same_key_counts_wherever_it_is_written(root: Caller, charlie: Caller) -> None:
    for _ in range(5):
        root.get("/api/session/list")
    assert charlie.get("/api/session/list", headers={"Authorization": f"Bearer {root.key}"}).status_code == 429


def test_a_sessions_key_counts_in_whatever_case(root: Caller, alice: Owner) -> None:
    key = str(alice.key)
    spellings = [key, key.upper(), key.title(), key[:-1] + key[-1].upper(), key[:10].upper() + key[10:], key]
    answers = [root.client.get("/api/session/status", headers={"apikey": spelling}) for spelling in spellings]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


def test_the_global_key_is_compared_as_it_is_written(root: Caller, charlie: Caller) -> None:
    shouted = charlie.get("/api/session/list", headers={"apikey": str(root.key).upper()})
    assert shouted.status_code == 401
    assert root.get("/api/session/list").status_code == 200


def test_without_a_key_the_address_counts(charlie: Caller) -> None:
    answers = [charlie.get("/api/nope").status_code for _ in range(6)]
    assert answers == [404] * 5 + [429]
    elsewhere = charlie.get("/api/nope", environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 404


@pytest.mark.parametrize("path", ["/health", "/ready", "/api-docs", "/openapi.json", "/api-docs/assets/swagger-ui.css"])
def test_health_and_docs_are_exempt(charlie: Caller, path: str) -> None:
    answers = [charlie.get(path) for _ in range(7)]
    assert 429 not in [answer.status_code for answer in answers]
    assert "X-RateLimit-Limit" not in answers[0].headers


def test_processes_count_together(root: Caller, settings: Settings) -> None:
    other = create_app(settings)
    for _ in range(5):
        root.get("/api/session/list")
    assert Caller(other.test_client(), root.key).get("/api/session/list").status_code == 429


def test_keys_never_stand_in_redis(root: Caller, app: Flask) -> None:
    root.get("/api/session/list")
    client = app.extensions["flashapi"].connections.redis
    names = b" ".join(client.scan_iter("*"))
    assert names and str(root.key).encode() not in names


class TestGuessing:
    """More requests than the strict limit for wrong keys."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, rate_limit_max=1_000)

    @pytest.fixture
    def guesses(self, charlie: Caller, alice: Owner) -> Iterator[list[int]]:
        alice.get("/api/session/status")
        yield [charlie.get("/api/session/status", headers={"apikey": f"chute-{n}"}).status_code for n in range(32)]

    def test_wrong_keys_are_shut_out(self, guesses: list[int], charlie: Caller) -> None:
        assert guesses == [401] * 30 + [429] * 2
        answer = charlie.get("/api/session/list", headers={"apikey": "outro-chute"})
        assert answer.status_code == 429
        assert "Retry-After" in answer.headers

    def test_right_keys_from_the_same_address_go_on(self, guesses: list[int], root: Caller, alice: Owner) -> None:
        assert alice.get("/api/session/status").status_code == 200
        assert root.get("/api/session/list").status_code == 200
        assert own_session(root, "depois-dos-chutes").name


def test_without_redis_the_process_counts_by_itself(settings: Settings, tmp_path: object) -> None:
    alone = create_app(replace(settings, redis_url="unix:///nonexistent/redis.sock"))
    caller = Caller(alone.test_client(), None)
    assert [caller.get("/api/nope").status_code for _ in range(6)] == [404] * 5 + [429]


def test_the_original_example_values_are_honoured_with_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    create_app(replace(settings, rate_limit_max=100, rate_limit_window_ms=900_000))
    assert "rate_limit_of_original_enforced" in capsys.readouterr().out + caplog.text


@pytest.mark.parametrize(("proxies", "statuses"), [(0, [404] * 5 + [429]), (1, [404] * 6)])
def test_behind_a_proxy_the_address_it_tells_counts(
    settings: Settings, proxies: int, statuses: list[int]
) -> None:
    migrate(settings)
    app = create_app(replace(settings, trusted_proxies=proxies))
    caller = Caller(app.test_client(), None)
    forged = "10.9.9.9"
    told = [
        caller.get("/api/nope", headers={"X-Forwarded-For": f"{forged}, 203.0.113.{number}"}).status_code
        for number in range(6)
    ]
    assert told == statuses
    app.extensions[EXTENSION].connections.close()
