"""Status, list, restart, reconnect, disconnect, delete and new keys."""

import time

import sqlalchemy as sa

from flashapi.models.base import now_ms
from flashapi.models.sessions import State
from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner, hold_lease, own_session, row_of, show_connected, write


def test_a_new_session_is_disconnected(alice: Owner) -> None:
    data = alice.get("/api/session/status").json["data"]
    assert data["status"] == "disconnected"
    assert data["memoryStatus"] == "not_in_memory"
    assert (data["inMemory"], data["isConnected"], data["hasWebhook"]) == (False, False, False)
    assert data["createdAt"].endswith("Z") and len(data["createdAt"]) == 24
    assert data["lastConnected"] is None and data["disconnectReason"] is None


def test_a_state_counts_only_while_its_writer_lives(alice: Owner, backend: Backend) -> None:
    lease = show_connected(backend, alice.id)
    data = alice.get("/api/session/status").json["data"]
    assert (data["status"], data["memoryStatus"], data["isConnected"]) == ("connected", "connected", True)
    assert data["phoneNumber"] == "5521988887777"
    assert data["lastConnected"] == "2025-11-24 13:00:00"  # America/Sao_Paulo
    lease.release()
    data = alice.get("/api/session/status").json["data"]
    assert (data["status"], data["isConnected"], data["inMemory"]) == ("connecting", False, False)


def test_the_list_shows_all_sessions_the_newest_first_and_no_keys(
    root: Caller, alice: Owner, bob: Owner, backend: Backend
) -> None:
    write(backend, bob.id, created_at=now_ms() + 1_000)
    show_connected(backend, alice.id)
    answer = root.get("/api/session/list")
    data = answer.json["data"]
    assert [one["nome_sessao"] for one in data["sessions"]] == [bob.name, alice.name]
    assert data["total"] == 2
    assert data["stats"] == {"total": 2, "connected": 1, "connecting": 0, "disconnected": 1}
    assert data["activeSessions"] == [alice.id]
    assert str(alice.key) not in answer.text and str(bob.key) not in answer.text


def test_the_list_takes_one_query_and_one_mget(root: Caller, backend: Backend) -> None:
    for number in range(5):
        own_session(root, f"sessao-{number}", sandbox=bool(number % 2))
    statements: list[str] = []
    sa.event.listen(backend.connections.engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
    before = backend.connections.redis.info("commandstats")["cmdstat_mget"]["calls"] if _asked(backend) else 0
    assert len(root.get("/api/session/list").json["data"]["sessions"]) == 5
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1
    assert backend.connections.redis.info("commandstats")["cmdstat_mget"]["calls"] == before + 1


def _asked(backend: Backend) -> bool:
    return "cmdstat_mget" in backend.connections.redis.info("commandstats")


def test_connecting_a_connected_session_says_so(alice: Owner, backend: Backend) -> None:
    show_connected(backend, alice.id)
    answer = alice.put("/api/session/conectar_sessao", json={})
    assert (answer.status_code, answer.json) == (200, {"success": True, "message": "Sessão já conectada"})


def test_a_valid_qr_is_shown_and_an_expired_one_never(alice: Owner, backend: Backend) -> None:
    lease = hold_lease(backend, alice.id)
    shown = {"state": State.QR_READY, "state_epoch": lease.epoch, "wanted": "running", "qr": "2@abc,def,ghi,jkl"}
    write(backend, alice.id, **shown, pairing_code="ABCD1234", qr_expires_at=now_ms() + 20_000)
    answer = alice.put("/api/session/conectar_sessao")
    assert answer.json["message"] == "Qrcode recuperado com sucesso"
    assert answer.json["qrcode"].startswith("data:image/png;base64,")
    assert answer.json["code"] == "ABCD1234"
    write(backend, alice.id, qr_expires_at=now_ms() - 1)
    lease.release()
    assert alice.put("/api/session/conectar_sessao").json["success"] is False


def test_connecting_without_a_worker_is_503_and_leaves_the_wish(alice: Owner, backend: Backend) -> None:
    answer = alice.put("/api/session/conectar_sessao")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json == {"success": False, "message": "Nenhum worker disponível no momento; tente novamente"}
    row = row_of(backend, alice.id)
    assert (row.wanted, row.generation) == ("running", 1)


def test_a_disconnected_session_cannot_be_restarted(alice: Owner) -> None:
    answer = alice.put("/api/session/restart")
    assert (answer.status_code, answer.json["message"]) == (400, "Sessão Deve está conectada")


def test_restart_asks_for_a_fresh_connection(alice: Owner, backend: Backend) -> None:
    lease = show_connected(backend, alice.id)
    lease.release()
    answer = alice.put("/api/session/restart")
    assert (answer.status_code, answer.json["message"]) == (200, "Sessão reniciada")
    assert answer.json["data"]["status"] == "connecting"
    assert row_of(backend, alice.id).generation == 1


def test_reconnect_answers_at_once(alice: Owner, backend: Backend) -> None:
    began = time.monotonic()
    answer = alice.post("/api/session/reconnect")
    assert time.monotonic() - began < 2
    assert answer.json == {
        "success": True,
        "message": "Reconexão iniciada com sucesso",
        "data": {"sessionId": alice.id, "status": "connecting"},
    }
    assert (row_of(backend, alice.id).wanted, row_of(backend, alice.id).generation) == ("running", 1)


def test_disconnect_is_for_ones_own_started_session(alice: Owner, bob: Owner, backend: Backend) -> None:
    foreign = alice.delete(f"/api/session/desconect/{bob.name}")
    assert (foreign.status_code, foreign.json["message"]) == (404, "Essa apikey não corresponde a essa sessão")
    unknown = alice.delete("/api/session/desconect/ninguem")
    assert (unknown.status_code, unknown.json["message"]) == (404, "Sessão não encontrada")
    idle = alice.delete(f"/api/session/desconect/{alice.key}")
    assert (idle.status_code, idle.json["message"]) == (404, "Sessão não foi iniciada ainda")
    write(backend, alice.id, wanted="running", paired=True)
    answer = alice.delete(f"/api/session/desconect/{alice.name}")
    assert (answer.status_code, answer.json["message"]) == (200, "Sessão Desconectada com sucesso")
    assert row_of(backend, alice.id).wanted == "unlinked"


def test_a_session_that_was_never_paired_is_gone_at_once(root: Caller, alice: Owner, backend: Backend) -> None:
    answer = root.delete(f"/api/session/delete/{alice.name}")
    assert answer.json == {"success": True, "message": "Sessão deletada com sucesso"}
    assert row_of(backend, alice.id) is None
    assert root.delete(f"/api/session/delete/{alice.name}").status_code == 404
    assert alice.get("/api/session/status").status_code == 401


def test_a_paired_session_becomes_a_tombstone_that_nothing_finds(root: Caller, alice: Owner, backend: Backend) -> None:
    write(backend, alice.id, paired=True)
    assert root.delete(f"/api/session/delete/{alice.key}").status_code == 200
    assert row_of(backend, alice.id).wanted == "deleted"
    assert alice.get("/api/session/status").status_code == 401
    assert root.get("/api/session/list").json["data"]["sessions"] == []
    for reference in (alice.id, alice.key, alice.name, f"deleted:{alice.id}"):
        assert root.delete(f"/api/session/delete/{reference}").status_code == 404
    assert own_session(root, alice.name, apikey=alice.key).id != alice.id


def test_a_new_key_replaces_the_old_one(root: Caller, alice: Owner) -> None:
    answer = root.post(f"/api/session/{alice.name}/key")
    assert answer.status_code == 200
    assert answer.json["data"]["id"] == alice.id
    assert alice.get("/api/session/status").status_code == 401
    assert root.get("/api/session/status", headers={"apikey": answer.json["data"]["apikey"]}).status_code == 200


def test_health_counts_sessions(root: Caller, alice: Owner) -> None:
    data = root.get("/api/session/health").json["data"]
    assert data["status"] == "healthy"
    assert data["sessions"]["total"] == 1
    assert data["memory"]["rss"] > 1_000_000 and data["uptime"] >= 0
