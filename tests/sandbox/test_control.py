"""The control socket: its form, its refusals, and a data folder whose path is too long for a socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import NewPhone
from tests.sandbox.harness import ROOT, NetworkProcess, Refused

NUMBER = "5511911110000"


def test_a_phone_is_made_once(network: NetworkProcess) -> None:
    first = network.ask("phone.create", numero=NUMBER, nome="Ana")
    assert first["numero"] == NUMBER
    assert first["jid"] == f"{NUMBER}@s.whatsapp.net"
    assert first["lid"].endswith("@lid")
    assert first["nome"] == "Ana"
    assert network.ask("phone.create", numero=NUMBER) == first
    assert network.phone(NUMBER) == first | {"devices": 0, "logins": 0}


def test_a_mobile_exists_in_one_spelling(network: NetworkProcess) -> None:
    network.ask("phone.create", numero="5521988887777")
    with pytest.raises(Refused, match="409 .*5521988887777"):
        network.ask("phone.create", numero="552188887777")


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        ("nada", {}, "404 Operação"),
        ("phone.create", {}, "400 O campo numero"),
        ("phone.create", {"numero": "abc"}, "400 O campo numero"),
        ("phone.create", {"numero": "+5511911112222"}, "400 O campo numero"),
        ("phone.scan", {"numero": "5500000000", "qrcode": "x"}, "404 O telefone"),
        ("phone.inbox", {"numero": "5500000000"}, "404 O telefone"),
    ],
)
def test_refusals_name_the_field(network: NetworkProcess, op: str, params: dict[str, str], message: str) -> None:
    with pytest.raises(Refused, match=message):
        network.ask(op, **params)


def test_a_phones_refusals_name_the_field(network: NetworkProcess, new_phone: NewPhone) -> None:
    alice = new_phone("Alice")
    for op, params, message in (
        ("phone.scan", {}, "400 O campo qrcode"),
        ("phone.scan", {"qrcode": "data:image/png;base64,AAAA"}, "400 O campo qrcode"),
        ("phone.code", {"code": "????????"}, "400 O campo code"),
        ("phone.send", {"to": "5500000000", "text": "oi"}, "404 O campo to"),
        ("phone.send", {"to": alice, "text": ""}, "400 O campo text"),
        ("phone.inbox", {"since": "nenhuma"}, "400 O campo since"),
        ("phone.read", {}, "400 O campo chat"),
        ("phone.typing", {"to": alice}, "400 O campo typing"),
        ("phone.presence", {"available": "sim"}, "400 O campo available"),
    ):
        with pytest.raises(Refused, match=message):
            network.ask(op, numero=alice, **params)


def test_several_requests_on_one_connection(network: NetworkProcess) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(network.data_dir / "sandbox" / "control.sock"))
        control.sendall(b'{"op": "ping"}\nthis is not JSON\n[1]\n{"op": "ping"}\n')
        with control.makefile() as lines:
            answers = [json.loads(lines.readline()) for _ in range(4)]
    assert [answer["ok"] for answer in answers] == [True, False, False, True]
    assert [answer.get("status") for answer in answers] == [None, 400, 400, None]


def test_a_data_folder_belongs_to_one_process(network: NetworkProcess) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "sandbox", "--data-dir", str(network.data_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 1
    assert "another sandbox is running" in second.stderr
    assert network.ask("ping") == {}


def test_neonize_is_never_loaded() -> None:
    look = "import sandbox.__main__, sys; print('neonize' in sys.modules, 'flashapi' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["False", "False"]


def test_a_long_data_folder(tmp_path: Path) -> None:
    process = NetworkProcess(tmp_path / ("pasta" * 30))
    try:
        folder = os.open(process.data_dir / "sandbox", os.O_PATH)
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"/proc/self/fd/{folder}/control.sock")
            control.sendall(b'{"op": "ping"}\n')
            with control.makefile() as lines:
                assert json.loads(lines.readline()) == {"ok": True, "data": {}}
        os.close(folder)
        ready = json.loads((process.client_folder / "ready").read_text())
        assert ready["pid"] == process.process.pid
    finally:
        assert process.stop(signal.SIGINT) < 2
    assert not (process.client_folder / "ready").exists()
