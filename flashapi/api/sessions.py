"""/api/session: making, connecting and ending sessions."""

from typing import Any

from flask.views import MethodView

from flashapi import timestamps
from flashapi.api.auth import current_session, global_key, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.models.base import now_ms
from flashapi.models.sessions import State
from flashapi.schemas.envelope import Done
from flashapi.schemas.sessions import (
    ConnectAnswer,
    CreatedAnswer,
    HealthAnswer,
    IssuedKeyAnswer,
    ListAnswer,
    NewSessionSchema,
    StatusAnswer,
    TransitionAnswer,
)
from flashapi.services import lifecycle, pairing, sessions, states, system

blp = Blueprint("session", "/api/session", "Sessões: criar, conectar, consultar e encerrar")


@blp.route("/create_sessao")
class CreateSession(MethodView):
    @global_key
    @blp.arguments(NewSessionSchema, required=False)
    @blp.response(200, CreatedAnswer)
    @blp.failure(409, "A apikey ou o nome já existe")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Criar uma sessão, e com `criar_sessao` conectá-la."""
        show_qr = body.pop("show_qr")
        created = sessions.create(backend(), **body)
        codes = pairing.first_codes(backend(), created.id) if body["running"] and show_qr else pairing.NO_CODES
        data = {"id": created.id, "apikey": created.key, "name": created.name, "sandbox": body["sandbox"], **codes}
        return {"message": "sessão criada com sucesso", "dados": data}


@blp.route("/conectar_sessao")
class ConnectSession(MethodView):
    @session_key
    @blp.response(200, ConnectAnswer)
    @blp.failure(404, "O QR Code não ficou pronto em 15 s")
    @blp.failure(409, "As chaves do aparelho vinculado não estão no servidor")
    def put(self) -> dict[str, Any]:
        """Conectar a sessão e obter o QR Code (e o código de pareamento, se ela tem número)."""
        return lifecycle.connect(backend(), current_session())


@blp.route("/restart")
class RestartSession(MethodView):
    @session_key
    @blp.response(200, TransitionAnswer)
    @blp.failure(400, "A sessão não está conectada nem conectando")
    def put(self) -> dict[str, Any]:
        """Reiniciar a conexão de uma sessão conectada."""
        session = current_session()
        state = lifecycle.restart(backend(), session).state
        return {"message": "Sessão reniciada", "data": {"sessionId": session.id, "status": state.value}}


@blp.route("/status")
class SessionStatus(MethodView):
    @session_key
    @blp.response(200, StatusAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar o estado da sessão."""
        session = current_session()
        return {"data": states.describe(backend(), session, states.look_at(backend(), session))}


@blp.route("/list")
class ListSessions(MethodView):
    @global_key
    @blp.response(200, ListAnswer)
    def get(self) -> dict[str, Any]:
        """Listar todas as sessões, as mais novas primeiro."""
        rows = sessions.every(backend())
        seen = states.look(backend(), rows)
        described = [states.describe(backend(), row, seen[row.id]) for row in rows]
        return {"data": {"sessions": described, "total": len(rows), **_overview(seen)}}


@blp.route("/reconnect")
class ReconnectSession(MethodView):
    @session_key
    @blp.response(200, TransitionAnswer)
    def post(self) -> dict[str, Any]:
        """Forçar uma nova conexão da sessão."""
        session = current_session()
        lifecycle.reconnect(backend(), session)
        data = {"sessionId": session.id, "status": State.CONNECTING.value}
        return {"message": "Reconexão iniciada com sucesso", "data": data}


@blp.route("/health")
class SessionsHealth(MethodView):
    @global_key
    @blp.response(200, HealthAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar a saúde do processo web e contar as sessões."""
        overview = _overview(states.look(backend(), sessions.every(backend())))
        return {
            "data": {
                "status": "healthy",
                "timestamp": timestamps.iso(now_ms()),
                "sessions": overview["stats"],
                "activeSessions": overview["activeSessions"],
                **system.process(),
            }
        }


@blp.route("/delete/<reference>")
class DeleteSession(MethodView):
    @global_key
    @blp.response(200, Done)
    @blp.failure(404, "Sessão não encontrada")
    def delete(self, reference: str) -> dict[str, Any]:
        """Deletar a sessão com este id, apikey ou nome, e desvincular o aparelho no WhatsApp."""
        lifecycle.delete(backend(), sessions.get(backend(), reference))
        return {"message": "Sessão deletada com sucesso"}


@blp.route("/desconect/<reference>")
class DisconnectSession(MethodView):
    @session_key
    @blp.response(200, Done)
    @blp.failure(404, "A sessão não existe, não é a desta apikey ou não foi iniciada")
    def delete(self, reference: str) -> dict[str, Any]:
        """Desvincular o aparelho no WhatsApp; a sessão e seu histórico ficam."""
        lifecycle.disconnect(backend(), reference, holder=current_session())
        return {"message": "Sessão Desconectada com sucesso"}


@blp.route("/<reference>/key")
class SessionKey(MethodView):
    @global_key
    @blp.response(200, IssuedKeyAnswer)
    @blp.failure(404, "Sessão não encontrada")
    def post(self, reference: str) -> dict[str, Any]:
        """Emitir uma nova apikey para a sessão com este id ou nome; a anterior deixa de valer."""
        session = sessions.get(backend(), reference)
        key = sessions.issue_key(backend(), session)
        data = {"id": session.id, "name": session.name, "apikey": key}
        return {"message": "Nova apikey gerada com sucesso", "data": data}


def _overview(seen: dict[str, states.Seen]) -> dict[str, Any]:
    active = [session_id for session_id, one in seen.items() if one.in_memory]
    return {"stats": states.count(seen.values()), "activeSessions": active}
