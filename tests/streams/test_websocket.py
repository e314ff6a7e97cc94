"""The WebSocket under gunicorn and gevent, with a real client: the two forms, the texts, the events, who is cut off."""

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import websocket
from werkzeug.serving import make_server

from flashapi import timestamps
from flashapi.api import websocket_client
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.events import MessageStatus, MessageUpdate, QRUpdated
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from tests.streams.conftest import Serve
from tests.support.facts import Session, add_session, happen

CLIENT_ID = re.compile(r"client_\d{13}_[0-9a-z]{9}")
WELCOME = "Conectado ao WebSocket da Flash API."
AUTHENTICATED = "Autenticado com sucesso no WebSocket"


class Peer:
    """A WebSocket client of the tests."""

    def __init__(self, address: str, path: str = "/", headers: dict[str, str] | None = None) -> None:
        url = "ws" + address.removeprefix("http") + path
        self.socket = websocket.create_connection(url, timeout=10, header=headers)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown()

    def say(self, message: Any) -> None:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def frame(self) -> dict[str, Any]:
        frame = json.loads(self.socket.recv())
        assert isinstance(frame, dict)
        return frame

    def closing(self) -> tuple[int, str]:
        """Code and reason of the close that comes next."""
        opcode, data = self.socket.recv_data()
        assert opcode == websocket.ABNF.OPCODE_CLOSE, data
        return int.from_bytes(data[:2], "big"), data[2:].decode()

    def authenticate(self, secret: str, events: list[Any], mode: str = "client") -> dict[str, Any]:
        assert self.frame()["type"] == "welcome"
        self.say({"type": "auth", "secret": secret, "modo": mode, "events": events})
        return self.frame()


@pytest.fixture
def address(serve: Serve) -> str:
    return serve()


@pytest.fixture
def alice(sqlite: Connections) -> Session:
    return add_session(sqlite, "sessao-de-alice")


@pytest.fixture
def bob(sqlite: Connections) -> Session:
    return add_session(sqlite, "sessao-de-bob")


@pytest.fixture
def peer(address: str) -> Iterator[Peer]:
    with Peer(address) as peer:
        yield peer


def headers(secret: str, events: str = '["session_disconnected"]', mode: str = "client") -> dict[str, str]:
    return {"apikey": secret, "modo": mode, "events": events}


def test_message_form(peer: Peer, sqlite: Connections, settings: Settings, alice: Session, bob: Session) -> None:
    welcome = peer.frame()
    assert welcome == {"type": "welcome", "message": WELCOME, "clientId": welcome["clientId"]}
    assert CLIENT_ID.fullmatch(welcome["clientId"])
    wanted = ["session_disconnected", "nunca_existiu", 7]
    peer.say({"type": "auth", "secret": alice.key.upper(), "modo": "client", "events": wanted})
    assert peer.frame() == {
        "type": "auth_success", "message": AUTHENTICATED, "clientId": welcome["clientId"], "events": wanted,
    }
    happen(sqlite, bob)
    happen(sqlite, alice, QRUpdated(qr="not asked for"))
    recorded = happen(sqlite, alice)
    assert peer.frame() == {
        "type": "event",
        "id": recorded.id,
        "sessionId": "sessao-de-alice",
        "event": "session_disconnected",
        "data": {"reason": "stopped"},
        "timestamp": timestamps.local(recorded.time, settings.timezone),
    }


@pytest.mark.parametrize("path", ["/", "/ws", "/ws/"])
def test_header_form(address: str, sqlite: Connections, alice: Session, path: str) -> None:
    with Peer(address, path, headers(alice.key)) as peer:
        first = peer.frame()
        assert first == {
            "type": "welcome", "message": AUTHENTICATED, "clientId": first["clientId"],
            "events": '["session_disconnected"]',
        }
        assert peer.frame() == {"type": "welcome", "message": WELCOME, "clientId": first["clientId"]}
        assert peer.socket.getstatus() == 101
        recorded = happen(sqlite, alice)
        assert peer.frame()["id"] == recorded.id


def test_global_mode_hears_every_session(
    peer: Peer, sqlite: Connections, settings: Settings, alice: Session, bob: Session
) -> None:
    peer.authenticate(settings.websocket_secret, ["session_disconnected"], "global")
    told = [happen(sqlite, session).id for session in (alice, bob)]
    assert [peer.frame()["id"] for _ in told] == told


def test_no_events_asked_for_means_none(peer: Peer, sqlite: Connections, alice: Session) -> None:
    peer.authenticate(alice.key, [])
    happen(sqlite, alice)
    peer.say({"type": "ping"})
    assert peer.frame()["type"] == "pong"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"modo": "client", "events": "[]"},
         "Dados faltando no headers ex: {apikey: <sua apikey>, modo: <global ou client>, events: []}"),
        ({"apikey": "x", "modo": "admin", "events": "[]"}, "modo deve ser global ou client"),
        ({"apikey": "x", "modo": "client", "events": "{}"}, "paramentro events deve ser um array valido"),
        ({"apikey": "x", "modo": "client", "events": "message_received"}, "paramentro events deve ser um array valido"),
        ({"apikey": "x", "modo": "client", "events": r'["\ud83d"]'}, "paramentro events deve ser um array valido"),
        ({"apikey": "x", "modo": "client", "events": "[]"}, "WebSocket secret inválido"),
        ({"apikey": "x", "modo": "global", "events": "[]"}, "WebSocket secret inválido"),
    ],
)
def test_refused_headers_close_with_the_reason(address: str, given: dict[str, str], reason: str) -> None:
    with Peer(address, "/ws", given) as peer:
        assert peer.closing() == (1000, reason)


def test_refused_messages_are_told_and_may_be_mended(peer: Peer, alice: Session) -> None:
    peer.frame()
    good = {"type": "auth", "secret": alice.key, "modo": "client", "events": []}
    for change, message in [
        ({"secret": None}, "paramentro secret e obrigatorio"),
        ({"modo": "x"}, "paramentro modo e obrigatorio e deve ser global ou client"),
        ({"events": "x"}, "paramentro events deve ser um array valido"),
        ({"events": ["\ud83d"]}, "paramentro events deve ser um array valido"),
        ({"events": [{"a": ["\ud83d"]}]}, "paramentro events deve ser um array valido"),
        ({"lastEventId": "\ud83d"}, "paramentro lastEventId deve ser um texto valido"),
        ({"secret": "x"}, "WebSocket secret inválido"),
        ({"modo": "global"}, "WebSocket secret inválido"),
    ]:
        peer.say({**good, **change})
        assert peer.frame() == {"type": "error", "message": message}
    peer.say(good)
    assert peer.frame()["type"] == "auth_success"


def test_guessing_secrets_ends_the_connection(peer: Peer) -> None:
    peer.frame()
    for number in range(40):
        peer.say({"type": "auth", "secret": f"chute-{number}", "modo": "global", "events": []})
    for _ in range(30):
        assert peer.frame() == {"type": "error", "message": "WebSocket secret inválido"}
    assert peer.closing() == (1000, "Muitas requisições. Tente novamente mais tarde.")


def test_ping_and_what_is_not_understood(peer: Peer, alice: Session) -> None:
    client_id = peer.frame()["clientId"]
    unknown = {"type": "error", "message": "Tipo de mensagem não reconhecido", "availableTypes": ["auth", "ping"]}
    for _ in ("before and after authentication",) * 2:
        peer.say({"type": "ping"})
        pong = peer.frame()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", pong.pop("timestamp"))
        assert pong == {"type": "pong", "clientId": client_id}
        peer.say({"type": "subscribe"})
        assert peer.frame() == unknown
        for garbage in ("{", "null", "[]", "[" * 50_000):
            peer.say(garbage)
            assert peer.frame() == {"type": "error", "message": "Formato de mensagem inválido"}
        auth = {"type": "auth", "secret": alice.key, "modo": "client", "events": []}
        peer.say(auth)
        answer = peer.frame()
    assert answer == unknown, "a second auth is not a message"


def test_authentication_has_a_time_limit(serve: Serve) -> None:
    with Peer(serve(AUTH_TIMEOUT="0.005")) as peer:
        assert peer.frame()["type"] == "welcome"
        assert peer.closing() == (4001, "Authentication timeout")


def test_disabled_websocket_says_so(serve: Serve) -> None:
    with Peer(serve(ENABLE_WEBSOCKET="false")) as peer:
        assert peer.closing() == (1000, "WebSocket não está habilitado")


@pytest.mark.parametrize("change", ["deleted", "new key"])
def test_socket_is_closed_when_its_key_is_gone(
    peer: Peer, sqlite: Connections, alice: Session, bob: Session, change: str
) -> None:
    peer.authenticate(alice.key, [])
    mine = sessions.c.id == alice.id
    with sqlite.transaction() as connection:
        if change == "deleted":
            connection.execute(sessions.delete().where(mine))
        else:
            connection.execute(sessions.update().where(mine).values(key_hash="of another key"))
    assert peer.closing() == (4003, "Sessão removida ou apikey substituída")


def test_too_long_message_closes(peer: Peer) -> None:
    peer.frame()
    peer.say("x" * (64 * 1024 + 1))
    assert peer.closing()[0] == 1009


def test_ordinary_requests_still_reach_the_documentation(address: str) -> None:
    with urllib.request.urlopen(f"{address}/") as answer:
        assert "/api-docs" in answer.url


def test_large_frame_arrives_whole(peer: Peer, sqlite: Connections, alice: Session) -> None:
    peer.authenticate(alice.key, ["qr_updated"])
    happen(sqlite, alice, QRUpdated(qr="q" * 8_000_000))
    happen(sqlite, alice, QRUpdated(qr="after"))
    assert len(peer.frame()["data"]["qr"]) == 8_000_000
    assert peer.frame()["data"]["qr"] == "after"


def test_slow_reader_is_cut_off_and_nobody_waits_for_it(
    address: str, sqlite: Connections, alice: Session, bob: Session
) -> None:
    with Peer(address) as quick, Peer(address) as slow:
        slow.socket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        for peer in (quick, slow):
            peer.authenticate(alice.key, ["message_update"])
        padding = "p" * 40_000
        for number in range(1_300):
            update = MessageUpdate(id=f"{number}-{padding}", chat="1@s", from_me=True, status=MessageStatus.READ)
            told = happen(sqlite, alice, update)
            assert quick.frame()["id"] == told.id
        received = 0
        with closing(slow.socket.sock) as behind:
            while chunk := _receive(behind):
                received += len(chunk)
        assert received < 1_300 * 40_000


def _receive(behind: socket.socket) -> bytes:
    """What is still to be read; nothing once the connection has ended, in whichever way."""
    try:
        return behind.recv(1 << 20)
    except ConnectionResetError:
        return b""


def test_a_silent_connection_is_pinged(
    settings: Settings, sqlite: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy that cuts what says nothing for a minute. In this process, for the pause to be short."""
    monkeypatch.setattr(websocket_client, "PING_SECONDS", 0.1)
    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with Peer(f"http://127.0.0.1:{server.port}") as peer:
            assert peer.frame()["type"] == "welcome"
            for _ in range(2):
                opcode, _frame = peer.socket.recv_data_frame(control_frame=True)
                assert opcode == websocket.ABNF.OPCODE_PING
            peer.say({"type": "ping"})
            assert peer.frame()["type"] == "pong"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
