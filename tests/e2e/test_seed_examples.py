"""The seed README's JavaScript examples, run as they stand there: a syntax slip mended, address and key filled in.

They need Node and the packages of tests/examples (`npm ci --prefix tests/examples`, which .ci/run does).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import GLOBAL_KEY, Installation, Phone, Session
from tests.support.servers import wait_until

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (EXAMPLES / "node_modules" / "axios").exists(),
    reason="needs node, and `npm ci --prefix tests/examples`",
)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One that takes live sessions too: the first example asks for one."""
    with Installation(tmp_path_factory.mktemp("exemplos"), {"LIVE": "true"}) as running:
        yield running.start()


@pytest.fixture(scope="module")
def alice(installation: Installation) -> Phone:
    """The session's phone."""
    return installation.phone("5521999999999", "Alice")


@pytest.fixture(scope="module")
def session(installation: Installation, alice: Phone) -> Iterator[Session]:
    """A connected session, as the examples expect one."""
    yield installation.paired("sessao-exemplos", alice)


def environ(installation: Installation, key: str) -> dict[str, str]:
    return {**os.environ, "BASE": installation.base, "KEY": key, "NO_PROXY": "127.0.0.1"}


def run(installation: Installation, example: str, key: str) -> str:
    ended = subprocess.run(
        ["node", f"{example}.js"], cwd=EXAMPLES, env=environ(installation, key),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_create_session(installation: Installation) -> None:
    printed = run(installation, "create_session", GLOBAL_KEY)
    assert "✅ Sessão criada com sucesso!" in printed
    assert "Name Sessão:  minha-sessao" in printed


def test_connect_gives_a_qr_code(installation: Installation) -> None:
    fresh = installation.session("sessao-sem-aparelho")
    printed = run(installation, "connect", fresh.key)
    assert "✅ Qrcode gerado com sucesso!" in printed
    assert "Qrcode:  data:image/png;base64," in printed


def test_restart(installation: Installation, session: Session) -> None:
    assert "✅ Sessão reniciada com sucesso" in run(installation, "restart", session.key)


def test_status(installation: Installation, session: Session) -> None:
    assert "Status sessão: " in run(installation, "status", session.key)


def test_send_text(installation: Installation, session: Session) -> None:
    bob = installation.phone("5599999999999", "Bob")
    assert "Mensagem enviada dados: " in run(installation, "send_text", session.key)
    bob.wait_text("Olá! 😄 Tudo bem? 🚀")


def test_websocket(installation: Installation, session: Session, alice: Phone, tmp_path: Path) -> None:
    carol = installation.phone("5521988888888", "Carol")
    printed = tmp_path / "printed"
    with printed.open("wb") as output:
        listening = subprocess.Popen(
            ["node", "websocket.js"], cwd=EXAMPLES, env=environ(installation, session.key), stdout=output, stderr=output
        )
        try:
            wait_until(lambda: "Autenticado com sucesso no WebSocket: " in printed.read_text(), "authenticated", 20)
            carol.do("send", to=alice.number, text="oi pelo websocket")
            wait_until(lambda: "oi pelo websocket" in printed.read_text(), "the message is printed", 20)
        finally:
            listening.terminate()
            listening.wait(10)
    text = printed.read_text()
    assert "Você está conectado no websocket da Flash Api:" in text
    assert "mensagem recebida: " in text
