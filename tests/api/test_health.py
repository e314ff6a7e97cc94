"""Living and being ready."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from flashapi import shards
from flashapi.app import create_app
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller


def test_health_needs_neither_database_nor_redis(settings: Settings) -> None:
    away = replace(settings, database_url="sqlite:////nonexistent/x.sqlite", redis_url="unix:///nonexistent/redis.sock")
    answer = create_app(away).test_client().get("/health")
    assert (answer.status_code, answer.json) == (200, {"success": True, "data": {"status": "ok"}})


def test_ready_names_the_shards_without_an_owner(charlie: Caller, backend: Backend) -> None:
    redis = backend.connections.redis
    redis.set(shards.WEBHOOK_WORKER_KEY, 1)
    leases = [shards.claim(redis, mode, number, "test") for mode in ("live", "sandbox") for number in range(16)]
    answer = charlie.get("/ready")
    assert answer.status_code == 200
    assert answer.json["data"]["missing"] == []
    assert leases[3] is not None
    leases[3].release()
    answer = charlie.get("/ready")
    assert answer.status_code == 503
    assert answer.json["data"]["unowned"] == {"live": [3], "sandbox": []}
    assert answer.json["message"] == "Não está pronto; falta: worker de sessões live (shards 3)"


def test_ready_names_database_and_redis(settings: Settings) -> None:
    away = replace(settings, database_url="sqlite:////nonexistent/x.sqlite", redis_url="unix:///nonexistent/redis.sock")
    answer: Any = create_app(away).test_client().get("/ready")
    assert answer.status_code == 503
    assert answer.json["data"]["missing"] == ["banco de dados", "Redis"]


def test_only_modes_in_use_count(settings: Settings, backend: Backend) -> None:
    backend.connections.redis.set(shards.WEBHOOK_WORKER_KEY, 1)
    live_only = create_app(replace(settings, sandbox=False)).test_client()
    leases = [shards.claim(backend.connections.redis, "live", number, "test") for number in range(16)]
    assert all(leases)
    assert live_only.get("/ready").status_code == 200


def test_ready_names_a_missing_webhook_worker(settings: Settings, backend: Backend) -> None:
    client = create_app(replace(settings, sandbox=False, live=False)).test_client()
    answer: Any = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json["data"]["missing"] == ["worker de webhooks"]
    backend.connections.redis.set(shards.WEBHOOK_WORKER_KEY, 1)
    assert client.get("/ready").status_code == 200


def test_ready_names_a_database_of_another_version(settings: Settings, backend: Backend) -> None:
    answer: Any = create_app(replace(settings, shards=8)).test_client().get("/ready")
    assert answer.status_code == 503
    assert "SHARDS is 8" in answer.json["data"]["missing"][0]
    with backend.connections.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    answer = create_app(settings).test_client().get("/ready")
    assert "schema 0001" in answer.json["data"]["missing"][0]
