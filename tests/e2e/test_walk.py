"""The first walk through the product, by its API alone, on both databases: pair, send, hear the answer, see it read."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.support.installation import Installation
from tests.support.listeners import SocketListener, WebhookReceiver
from tests.support.servers import drop_database, wait_until


@pytest.fixture(params=["sqlite", "mariadb"])
def walked(request: pytest.FixtureRequest, make_installation: Callable[..., Installation]) -> Iterator[Installation]:
    """An installation started from an empty database of each kind."""
    if request.param == "sqlite":
        yield make_installation().start()
        return
    variables = request.getfixturevalue("mysql") | {"MYSQL_DATABASE": f"flashapi_e2e_{uuid.uuid4().hex[:12]}"}
    running = make_installation(**variables).start()
    yield running
    running.close()
    address = f"{variables['MYSQL_USER']}:{variables['MYSQL_PASSWORD']}@{variables['MYSQL_HOST']}"
    drop_database(f"mysql+pymysql://{address}:{variables['MYSQL_PORT']}/{variables['MYSQL_DATABASE']}")


def test_a_session_pairs_sends_and_receives(walked: Installation) -> None:
    alice, bob = walked.phone("5511911110001", "Alice"), walked.phone("5511911110002", "Bob")
    with WebhookReceiver() as webhook:
        session = walked.session("minha-sessao", webhookUrl=webhook.url, status_webhook=True)
        assert session.qrcode is not None
        with SocketListener(walked.base, session.key, events=["session_connected", "message_received",
                                                              "message_update"]) as socket:
            session.pair(alice)
            assert session.status()["phoneNumber"] == alice.number
            socket.wait_event("session_connected")

            sent = session.send("+55 (11) 91111-0002", "Olá! 😄 Tudo bem? 🚀")
            assert sent["key"] == {"remoteJid": bob.jid, "fromMe": True, "id": sent["id"]}
            shown = bob.wait_text("Olá! 😄 Tudo bem? 🚀")
            assert shown["id"] == sent["id"]
            assert shown["from"] == alice.jid

            answered = bob.do("send", to=alice.number, text="Tudo, e aí?")
            frame = socket.wait_event("message_received", lambda data: data["id"] == answered["id"])
            assert frame["sessionId"] == "minha-sessao"
            assert frame["data"]["content"] == "Tudo, e aí?"
            assert frame["data"]["from"] == bob.jid
            delivery = webhook.wait_event("message_received", lambda data: data["id"] == answered["id"])
            assert delivery["data"] == frame["data"]

            bob.do("read", chat=alice.jid)
            for status, number in (("delivered", 3), ("read", 4)):
                update = socket.wait_event(
                    "message_update", lambda data, status=status: data["id"] == sent["id"] and data["status"] == status
                )
                assert update["data"]["update"]["update"] == {"status": number}
            webhook.wait_event("message_update", lambda data: data["id"] == sent["id"] and data["status"] == "read")


def test_two_sessions_write_to_each_other(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511911110011"), installation.phone("5511911110012")
    first, second = installation.paired(f"{name}-a", alice), installation.paired(f"{name}-b", bob)
    with SocketListener(installation.base, second.key, events=["message_received"]) as socket:
        sent = first.send(bob.number, "de sessão a sessão")
        socket.wait_event("message_received", lambda data: data["id"] == sent["id"] and not data["fromMe"])


def test_pairing_by_code(installation: Installation, name: str) -> None:
    alice = installation.phone("5511911110021")
    session = installation.session(name, numero=alice.number)
    assert session.created["code"]
    alice.do("code", code=session.created["code"])
    session.wait_state("connected")


def test_an_unregistered_number_is_refused(installation: Installation, name: str) -> None:
    session = installation.paired(name, installation.phone("5511911110031"))
    answer = session.try_send("5511900000000", "ninguém")
    assert answer.status_code == 400
    assert answer.json()["success"] is False


def test_a_paired_session_comes_back_after_a_stop(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    alice, bob = running.phone("5511911110041"), running.phone("5511911110042")
    session = running.paired("persistente", alice)
    assert running.stop() < 10
    assert running.pids() == []
    running.start()
    session.wait_state("connected")
    session.send(bob.number, "depois do reinício")
    bob.wait_text("depois do reinício")


def test_the_dotenv_that_is_written(make_installation: Callable[..., Installation]) -> None:
    running = make_installation(GLOBAL_API_KEY="", GLOBAL_WEBSOCKET_SECRET="").start()
    dotenv = running.folder / ".env"
    assert dotenv.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in dotenv.read_text().splitlines() if line and not line.startswith("#"))
    assert len(values["GLOBAL_API_KEY"]) >= 32
    assert values["GLOBAL_API_KEY"] != values["GLOBAL_WEBSOCKET_SECRET"]
    assert values["ALLOW_PRIVATE_URLS"] == "true"
    assert running.request("GET", "/api/session/list", key=values["GLOBAL_API_KEY"]).status_code == 200
    wait_until(lambda: values["GLOBAL_API_KEY"] in running.log_file.read_text(), "the key is shown")
