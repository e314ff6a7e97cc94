"""/api/config and /api/system: what is shown, what is changed, what is refused."""

import time
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flashapi import cleaning
from flashapi.models.base import now_ms
from flashapi.models.chats import calls
from flashapi.models.events import endpoints, events
from flashapi.models.messages import messages
from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner, row_of, write

FRESH = {
    "webhook_url": None,
    "webhook_status": False,
    "events": None,
    "ignorar_grupos": False,
    "leitura_automatica": False,
    "rejeitar_ligacoes": True,
    "msg_rejectCalls": "",
    "resposta_automatica": False,
    "mensagem_automatica": "",
    "proxy": None,
    "deviceName": "Flash_api",
    "browser": "Chrome",
}


def add_message(backend: Backend, session_id: str, number: int, age_ms: int = 0, **columns: Any) -> None:
    row = {
        "session_id": session_id, "chat": "5511900000001@s.whatsapp.net", "sender": "5511900000001@s.whatsapp.net",
        "message_id": f"M{number}", "from_me": False, "type": "conversation",
        "content": '{"message":{"conversation":"oi"}}', "raw": b"", "status": "received", "timestamp": number,
        "created_at": now_ms() - age_ms, **columns,
    }  # fmt: skip
    with backend.connections.transaction() as connection:
        connection.execute(messages.insert(), row)


def shown(config: dict[str, Any]) -> dict[str, Any]:
    """The options tested here; others have tests of their own."""
    return {name: config[name] for name in FRESH}


def test_a_new_session_shows_the_contracts_defaults(alice: Owner) -> None:
    data = alice.get("/api/config/session").json["data"]
    assert data["sessionId"] == alice.id
    assert shown(data["config"]) == FRESH


def test_the_contracts_options_are_overwritten_as_a_whole(alice: Owner) -> None:
    body = {"ignoreGroups": "true", "autoRead": True, "rejectCalls": True, "msg_rejectCalls": "Não ligue"}
    answer = alice.put("/api/config/config", json=body)
    assert answer.json["message"] == "Configurações atualizadas com sucesso"
    changed = {"ignorar_grupos": True, "leitura_automatica": True, "msg_rejectCalls": "Não ligue"}
    assert shown(answer.json["data"]["currentConfig"]) == {**FRESH, **changed}
    again = alice.put("/api/config/config", json={}).json["data"]["currentConfig"]
    assert shown(again) == {**FRESH, "rejeitar_ligacoes": False}


def test_our_own_options_change_only_when_given(alice: Owner) -> None:
    ours = {"autoReply": True, "autoReplyText": "Já vamos", "deviceName": "Loja", "browser": "Firefox"}
    alice.put("/api/config/config", json=ours)
    shown = alice.put("/api/config/config", json={"autoRead": True}).json["data"]["currentConfig"]
    assert (shown["resposta_automatica"], shown["mensagem_automatica"]) == (True, "Já vamos")
    assert (shown["deviceName"], shown["browser"]) == ("Loja", "Firefox")
    back = alice.put("/api/config/config", json={"autoReply": False, "deviceName": "", "browser": ""})
    assert back.json["data"]["currentConfig"]["deviceName"] == "Flash_api"
    assert back.json["data"]["currentConfig"]["browser"] == "Chrome"


@pytest.mark.parametrize(
    "proxy, message",
    [
        ("ftp://exemplo.com", "proxy: use http://, https:// ou socks5://usuario:senha@host:porta"),
        ("socks5://127.0.0.1:1080", "proxy: 127.0.0.1 não é um endereço público"),
        ("http://localhost:8080", "proxy: localhost não é um endereço público"),
        ("http://2130706433", "proxy: 2130706433 não é um endereço público"),
    ],
)
def test_a_proxy_is_guarded(alice: Owner, root: Caller, proxy: str, message: str) -> None:
    answer = alice.put("/api/config/config", json={"proxy": proxy})
    assert (answer.status_code, answer.json["message"]) == (400, message)
    created = root.post("/api/session/create_sessao", json={"sandbox": True, "proxy": proxy})
    assert (created.status_code, created.json["message"]) == (400, message)


def test_a_proxys_password_is_not_shown(alice: Owner, backend: Backend) -> None:
    url = "socks5://maria:segredo@proxy.exemplo.com:1080"
    shown = alice.put("/api/config/config", json={"proxy": url}).json["data"]["currentConfig"]
    assert shown["proxy"] == "socks5://maria:***@proxy.exemplo.com:1080"
    assert row_of(backend, alice.id).proxy == url


def test_the_recorded_webhook_change(alice: Owner, backend: Backend) -> None:
    body = {
        "webhookUrl": "https://exemplo.com/sess", "status_webhook": True,
        "events": ["message_received", "message_update"],
    }  # fmt: skip
    answer = alice.put("/api/config/webhook", json=body)
    assert answer.json["message"] == "Webhook Atualizado com sucesso"
    shown = answer.json["data"]["currentConfig"]
    assert (shown["webhook_url"], shown["webhook_status"], shown["events"]) == (
        "https://exemplo.com/sess", 1, ["message_received", "message_update"],
    )  # fmt: skip
    off = alice.put("/api/config/webhook", json={"webhookUrl": "https://exemplo.com/x"}).json["data"]["currentConfig"]
    assert (off["webhook_status"], off["events"]) == (0, None)
    assert alice.get("/api/session/status").json["data"]["hasWebhook"] is False
    gone = alice.put("/api/config/webhook", json={"webhookUrl": None})
    assert gone.json["data"]["currentConfig"]["webhook_url"] is None
    with backend.connections.reading() as connection:
        assert connection.execute(sa.select(endpoints).where(endpoints.c.enabled)).all() == []
    assert alice.get("/api/config/session").json["data"]["config"]["webhook_url"] is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "nada", "https://"])
def test_an_invalid_webhook_is_refused_in_the_contracts_words(alice: Owner, url: str) -> None:
    answer = alice.put("/api/config/webhook", json={"webhookUrl": url})
    assert (answer.status_code, answer.json["message"]) == (400, "URL do webhook inválida")


def test_stats_count_what_the_session_holds(alice: Owner, bob: Owner, backend: Backend) -> None:
    add_message(backend, alice.id, 1)
    add_message(backend, alice.id, 2, from_me=True)
    add_message(backend, bob.id, 3)
    data = alice.get("/api/config/stats").json["data"]
    assert data["stats"]["mensagens"] == {"total_mensagens": 2, "mensagens_enviadas": 1, "mensagens_recebidas": 1}
    assert data["stats"]["chats"] == {"total_chats": 0, "chats_grupo": 0, "chats_privados": 0}
    assert data["sessionInfo"]["status"] == "disconnected"


def test_system_status_and_config(root: Caller, alice: Owner) -> None:
    status = root.get("/api/system/status").json["data"]
    assert status["system"]["status"] == "online" and status["system"]["uptime"] >= 0
    assert status["sessions"] == {"total": 1, "connected": 0, "connecting": 0, "disconnected": 1}
    assert status["webhook"] == {"global": {"enabled": False, "url": None, "hasSecret": False}, "enabled": False}
    assert status["database"]["mysql"]["connectionLimit"] > 0
    assert root.get("/api/system/config").json["data"] == {
        "features": {"globalWebhook": False, "globalWebsocket": True},
        "limits": {"rateLimitWindow": 60_000, "rateLimitMax": 1_200},
        "environment": "production",
        "version": "0.1.0",
    }
    assert alice.get("/api/system/status").status_code == 401


def test_cleaning_removes_only_what_is_asked_for(root: Caller, alice: Owner, backend: Backend) -> None:
    add_message(backend, alice.id, 1, age_ms=7_200_000)
    add_message(backend, alice.id, 2)
    write(backend, alice.id, updated_at=now_ms() - 6 * 3_600_000)
    answer = root.post("/api/system/cleanup")
    assert answer.json == {
        "success": True, "message": "Limpeza de sessões realizada com sucesso", "data": {"messages": 0, "sessions": 0},
    }  # fmt: skip
    on = replace(backend.settings, message_lifetime_seconds=3_600, session_lifetime_hours=5)
    with backend.connections.transaction() as connection:
        old = {"session_id": alice.id, "session_name": alice.name, "name": "message_received", "data": "{}"}
        connection.execute(events.insert(), {**old, "id": "evt_1", "time": now_ms() - 7_200_000})
        connection.execute(events.insert(), {**old, "id": "evt_2", "time": now_ms()})
        call = {"session_id": alice.id, "caller": "5511900000001@s.whatsapp.net", "status": "offer"}
        connection.execute(calls.insert(), {**call, "call_id": "C1", "created_at": now_ms() - 7_200_000})
        connection.execute(calls.insert(), {**call, "call_id": "C2", "created_at": now_ms()})
    assert cleaning.clean(backend.connections, on) == (3, 1)
    with backend.connections.reading() as connection:
        assert list(connection.scalars(sa.select(messages.c.message_id))) == ["M2"]
        assert list(connection.scalars(sa.select(events.c.id))) == ["evt_2"]
        assert list(connection.scalars(sa.select(calls.c.call_id))) == ["C2"]
    assert row_of(backend, alice.id).wanted == "deleted"
    assert alice.get("/api/session/status").status_code == 401


def test_pages_of_stored_messages(alice: Owner, bob: Owner, backend: Backend) -> None:
    for number in range(1, 8):
        chat = f"551190000000{number % 2}@s.whatsapp.net"
        add_message(backend, alice.id, number, chat=chat, sender=chat)
    add_message(backend, bob.id, 99)

    def ids(query: str) -> list[str]:
        return [row["mensagem_id"] for row in alice.get(f"/api/chat/messages?{query}").json["data"]["messages"]]

    assert ids("") == [f"M{number}" for number in range(1, 8)]
    assert ids("limit=3") == ["M5", "M6", "M7"]
    assert ids("limit=3&offset=3") == ["M2", "M3", "M4"]
    assert ids("limit=3&before=M5") == ["M2", "M3", "M4"]
    assert ids("jid=5511900000001") == ["M1", "M3", "M5", "M7"]
    first = alice.get("/api/chat/messages?limit=2").json["data"]
    assert (first["total"], first["limit"], first["offset"]) == (7, 2, 0)
    assert ids(f"limit=2&before={first['nextBefore']}") == ["M4", "M5"]
    row = first["messages"][0]
    assert row["isgrupo"] is False and row["conteudo_mensagem"] == {"message": {"conversation": "oi"}}
    assert alice.get("/api/chat/messages?limit=0").json["message"] == "limit deve estar entre 1 e 500"
    assert alice.get("/api/chat/messages?before=NADA").status_code == 400
    assert alice.get("/api/chat/messages/M3").json["data"]["status"] == "received"
    assert alice.get("/api/chat/messages/M99").status_code == 404
    with backend.connections.transaction() as connection:
        for number, jid in enumerate(("5511900000001@s.whatsapp.net", "5511900000000@s.whatsapp.net")):
            told = {"session_id": alice.id, "session_name": alice.name, "name": "message_received", "time": number}
            connection.execute(events.insert(), {**told, "id": f"evt_{number}", "data": f'{{"from":"{jid}"}}'})
    gone = alice.delete("/api/chat/messages?jid=5511900000001").json
    with backend.connections.reading() as connection:
        assert list(connection.scalars(sa.select(events.c.id))) == ["evt_1"]
    assert gone["data"] == {"jid": "5511900000001", "removed": 4}
    assert ids("") == ["M2", "M4", "M6"]


@pytest.mark.parametrize(
    "path, body, message",
    [
        ("send-location", {"to": "5599999999999", "latitude": 1}, "to, latitude e longitude são obrigatórios"),
        ("send-location", {"to": "5599999999999", "latitude": 91, "longitude": 0},
         "latitude deve estar entre -90 e 90"),
        ("send-location", {"to": "5599999999999", "latitude": "NaN", "longitude": 0}, "latitude deve ser um número"),
        ("send-poll", {"to": "5599999999999", "name": "?"}, "to, name e options são obrigatórios"),
        ("send-poll", {"to": "5599999999999", "name": "?", "options": ["a"]},
         "A enquete deve ter entre 2 e 12 opções"),
        ("send-poll", {"to": "5599999999999", "name": "?", "options": ["a", "a"]}, "options não podem se repetir"),
        ("send-contact", {"to": "5599999999999"}, "to e contact são obrigatórios"),
        ("send-contact", {"to": "5599999999999", "contact": {}}, "contact.vcard é obrigatório"),
        ("send-reaction", {"to": "5599999999999", "messageId": "x"}, "to, messageId e emoji são obrigatórios"),
        ("typing", {"to": "5599999999999"}, "to e typing são obrigatórios"),
        ("mark-read", {}, "jid é obrigatório"),
        ("forward", {"to": "5599999999999"}, "to e messageId são obrigatórios"),
        ("presence-subscribe", {}, "jid é obrigatório"),
        ("send-location", {"latitude": 1, "delay": -1}, "to, latitude e longitude são obrigatórios"),
    ],
)  # fmt: skip
def test_kinds_are_checked_in_the_contracts_words(alice: Owner, path: str, body: Any, message: str) -> None:
    answer = alice.post(f"/api/chat/{path}", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, message)


def test_the_uptime_grows(root: Caller, app: Flask) -> None:
    first = root.get("/api/system/status").json["data"]["system"]["uptime"]
    ends = time.monotonic() + 5
    while root.get("/api/system/status").json["data"]["system"]["uptime"] == first:
        assert time.monotonic() < ends
