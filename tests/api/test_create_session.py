"""POST /api/session/create_sessao: what it accepts, in which order it refuses, and what it writes."""

import random
import time
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import shards
from flashapi.models.events import endpoints
from flashapi.models.sessions import sessions
from flashapi.services.backend import Backend
from flashapi.services.sessions import NAMES_TRIED
from tests.api.conftest import Caller, Owner, row_of

PATH = "/api/session/create_sessao"
INVALID_KEY = "A apikey fornecida não está no formato UUID v4 válido (ex: 83725a47-fc7a-404a-bbac-206d590bae8f)"
SHORT_NAME = "Nome da sessão deve ter mais de 5 caracteres"


def test_a_session_is_created(root: Caller, backend: Backend) -> None:
    answer = root.post(PATH, json={"nome_sessao": "minha-sessao", "numero": "+55 (21) 99999-9999", "sandbox": True})
    assert answer.status_code == 200
    assert answer.json["success"] is True
    assert answer.json["message"] == "sessão criada com sucesso"
    created = answer.json["dados"]
    assert created["name"] == "minha-sessao"
    assert created["qrcode"] is None and created["code"] is None
    assert uuid.UUID(created["apikey"]).version == 4
    assert created["id"] != created["apikey"]
    row = row_of(backend, created["id"])
    assert (row.mode, row.wanted, row.number) == ("sandbox", "stopped", "5521999999999")
    assert row.shard == shards.shard_of(row.id, backend.settings.shards)


@pytest.mark.parametrize(
    "body, message",
    [
        ({"apikey": "x", "nome_sessao": "curto"}, INVALID_KEY),
        ({"apikey": "83725a47-fc7a-104a-bbac-206d590bae8f"}, INVALID_KEY),
        ({"nome_sessao": "cinco"}, SHORT_NAME),
        ({"nome_sessao": "      "}, SHORT_NAME),
        ({"nome_sessao": "x" * 101}, "Nome da sessão (nome_sessao) deve ter no máximo 100 caracteres"),
        ({"nome_sessao": str(uuid.uuid4())}, "nome_sessao não pode ter a forma de um identificador (UUID)"),
        ({"nome_sessao": {"a": 1}}, "nome_sessao deve ser um texto"),
        ({"numero": "abc"}, "numero deve ser um número de telefone com DDI"),
        ({"criar_sessao": "talvez"}, "criar_sessao deve ser true ou false"),
        ({"events": {"a": 1}}, "events deve ser uma lista de textos"),
    ],
)
def test_what_is_refused(root: Caller, body: dict[str, Any], message: str) -> None:
    answer = root.post(PATH, json=body)
    assert answer.status_code == 400
    assert answer.json == {"success": False, "message": message}


def test_a_taken_key_is_refused_before_a_taken_name(root: Caller, alice: Owner) -> None:
    both = root.post(PATH, json={"apikey": str(alice.key).upper(), "nome_sessao": alice.name})
    assert (both.status_code, both.json["message"]) == (409, "A apikey gerada já existe tente novamente")
    name = root.post(PATH, json={"nome_sessao": alice.name})
    assert (name.status_code, name.json["message"]) == (409, f"Name Sessão: {alice.name} Já existe tente outro")


def test_empty_strings_and_nulls_mean_nothing_given(root: Caller) -> None:
    body = {"nome_sessao": "", "apikey": None, "numero": "", "webhookUrl": None, "criar_sessao": None}
    answer = root.post(PATH, json=body)
    assert answer.status_code == 200
    assert answer.json["dados"]["name"].startswith("instacia_")


def take_next_names(backend: Backend, tries: int) -> None:
    """Make the next names that would be drawn those of other sessions."""
    drawn = random.getstate()
    numbers = {random.randrange(100_000) for _ in range(tries)}
    rows = [
        {"id": str(uuid.uuid4()), "key_hash": uuid.uuid4().hex, "name": f"instacia_{number:05}", "mode": "sandbox",
         "shard": 0, "wanted": "stopped", "created_at": 1, "updated_at": 1}
        for number in numbers
    ]  # fmt: skip
    with backend.connections.transaction() as connection:
        connection.execute(sa.insert(sessions), rows)
    random.setstate(drawn)


def test_a_drawn_name_that_is_taken_is_drawn_again(root: Caller, backend: Backend) -> None:
    take_next_names(backend, NAMES_TRIED - 1)
    answer = root.post(PATH, json={"sandbox": True})
    assert answer.status_code == 200, answer.text
    assert row_of(backend, answer.json["dados"]["id"]).name == answer.json["dados"]["name"]


def test_names_are_not_drawn_for_ever(root: Caller, backend: Backend) -> None:
    take_next_names(backend, NAMES_TRIED)
    answer = root.post(PATH, json={"sandbox": True})
    assert answer.status_code == 409
    assert answer.json["message"].startswith("Name Sessão: instacia_")


def test_a_taken_key_is_refused_without_a_name_too(root: Caller, alice: Owner) -> None:
    answer = root.post(PATH, json={"apikey": alice.key})
    assert (answer.status_code, answer.json["message"]) == (409, "A apikey gerada já existe tente novamente")


def test_a_number_as_name_is_its_digits(root: Caller) -> None:
    assert root.post(PATH, json={"nome_sessao": 123456}).json["dados"]["name"] == "123456"


def test_the_webhook_is_stored(root: Caller, backend: Backend) -> None:
    body = {"webhookUrl": "https://exemplo.com/w", "status_webhook": "false", "events": ["message_received"]}
    created = root.post(PATH, json=body).json["dados"]
    with backend.connections.reading() as connection:
        row = connection.execute(sa.select(endpoints).where(endpoints.c.session_id == created["id"])).one()
    assert (row.url, row.enabled, row.events) == ("https://exemplo.com/w", False, ["message_received"])


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://exemplo.com", "http://", "http://127.0.0.1/x"])
def test_a_webhook_url_that_could_never_be_called_is_refused(root: Caller, url: str) -> None:
    answer = root.post(PATH, json={"webhookUrl": url, "nome_sessao": "nao-nasce"})
    assert answer.status_code == 400
    assert answer.json["message"].startswith("URL do webhook inválida")
    assert root.post(PATH, json={"nome_sessao": "nao-nasce"}).status_code == 200


def test_without_a_worker_the_wish_is_written_and_the_answer_has_no_qr(root: Caller, backend: Backend) -> None:
    began = time.monotonic()
    body = {"nome_sessao": "sem-worker", "criar_sessao": True, "gerar_qrcode": True, "sandbox": True}
    answer = root.post(PATH, json=body, headers={"X-Request-Id": "pedido-7"})
    assert answer.status_code == 200
    assert answer.json["dados"]["qrcode"] is None
    assert time.monotonic() - began < 10
    row = row_of(backend, answer.json["dados"]["id"])
    assert (row.wanted, row.generation) == ("running", 1)
    queue = f"rq:queue:{shards.queue_name('sandbox', row.shard)}"
    jobs: Any = backend.connections.redis.lrange(queue, 0, -1)
    [job] = jobs
    meta = backend.connections.redis.hget(f"rq:job:{job.decode()}", "meta")
    assert meta is not None
    assert b'"nudge"' in meta and row.id.encode() in meta and b'"pedido-7"' in meta


def test_the_sandbox_is_refused_where_it_is_off(root: Caller, backend: Backend) -> None:
    object.__setattr__(backend.settings, "sandbox", False)
    answer = root.post(PATH, json={"sandbox": True})
    assert answer.status_code == 400
    assert "sandbox" in answer.json["message"]
