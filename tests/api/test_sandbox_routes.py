"""/api/sandbox over the real simulated network: what reaches it, what doesn't, and what it answers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flashapi.app import create_app
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller
from tests.support.servers import wait_until

pytestmark = pytest.mark.openapi

ALICE, BOB = "5511900000001", "5511900000002"


@pytest.fixture
def network(backend: Backend) -> Iterator[None]:
    """The simulated network as a process of its own."""
    told = {**os.environ, "DATA_DIR": str(backend.settings.data_dir)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--data-dir", str(backend.settings.data_dir)], env=told
    )
    try:
        wait_until(lambda: (backend.settings.sandbox_dir / "client" / "ready").exists(), "the network is ready")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_phones_are_made_once_and_listed(network: None, root: Caller) -> None:
    made = root.post("/api/sandbox/phone", json={"numero": f"+{ALICE}", "nome": "Alice"})
    assert made.status_code == 200
    phone = made.json["data"]
    assert (phone["numero"], phone["jid"], phone["nome"]) == (ALICE, f"{ALICE}@s.whatsapp.net", "Alice")
    assert phone["lid"].endswith("@lid")
    assert root.post("/api/sandbox/phone", data={"numero": ALICE}).json["data"]["lid"] == phone["lid"]
    listed = root.get("/api/sandbox/phone").json["data"]["phones"]
    assert listed == [{**phone, "devices": 0, "logins": 0}]


def test_phones_write_to_each_other(network: None, root: Caller) -> None:
    for number in (ALICE, BOB):
        root.post("/api/sandbox/phone", json={"numero": number})
    sent = root.post(f"/api/sandbox/phone/{ALICE}/send", json={"to": BOB, "text": "Oi, Bob!"})
    assert sent.status_code == 200, sent.text
    inbox = f"/api/sandbox/phone/{BOB}/inbox"
    arrived: Any = wait_until(lambda: root.get(inbox).json["data"]["messages"], "the text arrives")
    [entry] = arrived
    assert (entry["id"], entry["text"], entry["from"]) == (
        sent.json["data"]["id"],
        "Oi, Bob!",
        f"{ALICE}@s.whatsapp.net",
    )
    assert root.get(inbox, query_string={"since": entry["id"]}).json["data"]["messages"] == []
    assert root.post(f"/api/sandbox/phone/{BOB}/read", json={"chat": ALICE}).json["data"]["ids"] == [entry["id"]]
    assert root.post(f"/api/sandbox/phone/{BOB}/typing", json={"to": ALICE, "typing": "true"}).status_code == 200
    assert root.post(f"/api/sandbox/phone/{BOB}/presence", json={"available": False}).status_code == 200
    assert root.post(f"/api/sandbox/phone/{BOB}/unlink").status_code == 200


def test_what_the_network_refuses_keeps_its_status(network: None, root: Caller) -> None:
    unknown = root.post(f"/api/sandbox/phone/{BOB}/send", json={"to": ALICE, "text": "oi"})
    assert unknown.status_code == 404 and unknown.json["success"] is False
    root.post("/api/sandbox/phone", json={"numero": ALICE})
    assert root.post(f"/api/sandbox/phone/{ALICE}/scan", json={"qrcode": "2@isto,nao,e,um"}).status_code == 400
    assert root.post(f"/api/sandbox/phone/{ALICE}/code", json={"code": "ABCD1234"}).status_code == 400


def test_faults_are_set_and_cleared(network: None, root: Caller) -> None:
    root.post("/api/sandbox/phone", json={"numero": ALICE})
    assert root.post("/api/sandbox/fault", json={"numero": ALICE, "kind": "slow", "ms": "300"}).status_code == 200
    assert root.post("/api/sandbox/fault", json={"kind": "blackhole", "seconds": 5}).status_code == 200
    assert root.delete("/api/sandbox/fault").status_code == 200


@pytest.mark.parametrize(
    "path, body, message",
    [
        ("phone", {}, "numero é obrigatório"),
        ("phone", {"numero": "abc"}, "numero deve ser um número de telefone com DDI"),
        (f"phone/{ALICE}/scan", {}, "qrcode é obrigatório"),
        (f"phone/{ALICE}/send", {"to": BOB, "text": ""}, "text é obrigatório para type text"),
        (f"phone/{ALICE}/send", {"to": BOB, "type": "image"}, "data é obrigatório para type image, ou size"),
        (f"phone/{ALICE}/typing", {"to": BOB}, "typing é obrigatório"),
        ("fault", {"numero": ALICE}, "kind é obrigatório"),
        ("fault", {"kind": "slow"}, "ms é obrigatório para kind slow"),
        ("fault", {"kind": "down", "seconds": 0}, "seconds deve estar entre 1 e 3600"),
    ],
)
def test_bodies_are_checked_before_the_network_is_asked(
    root: Caller, path: str, body: dict[str, str], message: str
) -> None:
    answer = root.post(f"/api/sandbox/{path}", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, message)


def test_an_absent_network_is_503(root: Caller) -> None:
    answer = root.get("/api/sandbox/phone")
    assert answer.status_code == 503
    assert answer.json["message"] == "A rede simulada (sandbox) não está disponível no momento"


def test_without_sandbox_the_routes_do_not_exist(settings: Settings) -> None:
    off = Caller(create_app(replace(settings, sandbox=False)).test_client(), settings.global_api_key)
    assert off.get("/api/sandbox/phone").status_code == 404
    assert "/api/sandbox/phone" not in off.get("/openapi.json").json["paths"]
