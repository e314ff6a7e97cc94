"""A session's whole life by the contract's routes, and what the installation says of itself."""

from tests.support.installation import GLOBAL_KEY, Installation
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

LIFE = ["qr_updated", "session_connected", "session_disconnected"]


def test_a_life(installation: Installation, name: str) -> None:
    phone = installation.phone("5511922220001", "Alice")
    session = installation.session(name, criar_sessao=False)
    with SocketListener(installation.base, session.key, events=LIFE) as socket:
        session.pair(phone)
        assert socket.wait_event("qr_updated")["data"]["qr"].startswith("data:image/png;base64,")
        socket.wait_event("session_connected")

        assert session.api("PUT", "/api/session/restart")["message"] == "Sessão reniciada"
        session.wait_state("connected")
        assert session.api("POST", "/api/session/reconnect")["message"] == "Reconexão iniciada com sucesso"
        session.wait_state("connected")

        answer = session.api("DELETE", f"/api/session/desconect/{session.id}")
        assert answer["message"] == "Sessão Desconectada com sucesso"
        socket.wait_event("session_disconnected")
        session.wait_state("disconnected")
    listed = installation.api("GET", "/api/session/list")["data"]["sessions"]
    assert session.id in [each["id"] for each in listed]
    answer = installation.api("DELETE", f"/api/session/delete/{session.name}")
    assert answer["message"] == "Sessão deletada com sucesso"
    assert installation.request("GET", "/api/session/status", key=session.key).status_code == 401


def test_what_a_session_says_of_itself(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511922220011"), installation.phone("5511922220012")
    session = installation.paired(name, alice)
    session.send(bob.number, "para as estatísticas")
    bob.wait_text("para as estatísticas")
    assert session.api("GET", "/api/config/session")["data"]["config"]["rejeitar_ligacoes"] is True
    stats = session.api("GET", "/api/config/stats")["data"]
    assert stats["stats"]["mensagens"]["mensagens_enviadas"] == 1
    assert stats["sessionInfo"]["phoneNumber"] == alice.number
    assert [row["fromMe"] for row in session.api("GET", "/api/chat/messages")["data"]["messages"]] == [True]


def test_a_cleared_queue_sends_nothing(installation: Installation, name: str) -> None:
    session = installation.paired(name, installation.phone("5511922220021"))
    bob = installation.phone("5511922220022")
    for number in range(3):
        session.send(bob.number, f"nunca {number}", useQueue=True, sendAt="2027-01-01T00:00:00Z")
    assert session.api("GET", "/api/chat/queue/status")["data"]["queueLength"] == 3
    assert session.api("POST", "/api/chat/queue/clear")["message"] == "Fila de mensagens limpa com sucesso"
    wait_until(lambda: session.api("GET", "/api/chat/queue/status")["data"]["queueLength"] == 0, "the queue is empty")
    assert bob.texts() == []


def test_what_the_installation_says_of_itself(installation: Installation) -> None:
    health = installation.api("GET", "/api/session/health")["data"]
    assert health["status"] == "healthy" and health["uptime"] > 0
    system = installation.api("GET", "/api/system/status")["data"]
    assert system["system"]["status"] == "online" and system["websocket"]["enabled"] is True
    assert installation.api("GET", "/api/system/config")["data"]["limits"]["rateLimitMax"] == 1_000_000
    assert installation.api("POST", "/api/system/cleanup")["message"] == "Limpeza de sessões realizada com sucesso"
    page = installation.request("GET", "/api-docs", key=GLOBAL_KEY)
    assert page.status_code == 200 and "<html" in page.text.lower()
