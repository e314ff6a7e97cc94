"""/api/chat/queue: the queue that sends wait in, its rows and how it is steered."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.queue import (
    ClearedAnswer,
    QueueAnswer,
    QueueSettingsAnswer,
    QueueSettingsSchema,
    SendAnswer,
    SendsAnswer,
    SendsQuerySchema,
)
from flashapi.services import queue

blp = Blueprint("queue", "/api/chat/queue", "A fila de envio")
settings_blp = Blueprint("queue-settings", "/api/config", "A fila de envio")


@blp.route("/status")
class QueueStatus(MethodView):
    @session_key
    @blp.response(200, QueueAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar a fila de envio da sessão."""
        return {"data": queue.status(backend(), current_session().id)}


@blp.route("/clear")
class ClearQueue(MethodView):
    @session_key
    @blp.response(200, ClearedAnswer)
    def post(self) -> dict[str, Any]:
        """Cancelar as mensagens da fila que ainda não começaram a ser enviadas."""
        cancelled = queue.clear(backend(), current_session().id)
        return {"message": "Fila de mensagens limpa com sucesso", "data": {"cancelled": cancelled}}


@blp.route("/pause")
class PauseQueue(MethodView):
    @session_key
    @blp.response(200, QueueAnswer)
    def post(self) -> dict[str, Any]:
        """Pausar a fila; os envios diretos continuam."""
        return {"message": "Fila pausada com sucesso", "data": queue.pause(backend(), current_session(), True)}


@blp.route("/resume")
class ResumeQueue(MethodView):
    @session_key
    @blp.response(200, QueueAnswer)
    def post(self) -> dict[str, Any]:
        """Retomar a fila pausada."""
        return {"message": "Fila retomada com sucesso", "data": queue.pause(backend(), current_session(), False)}


@blp.route("")
class Sends(MethodView):
    @session_key
    @blp.arguments(SendsQuerySchema, location="query")
    @blp.response(200, SendsAnswer)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Listar os envios da sessão, da fila e diretos, uma página por vez, do mais novo para trás."""
        return {"data": queue.page(backend(), current_session().id, **query)}


@blp.route("/<int:row_id>")
class Send(MethodView):
    @session_key
    @blp.response(200, SendAnswer)
    @blp.failure(404, "Envio não encontrado")
    def get(self, row_id: int) -> dict[str, Any]:
        """Consultar um envio pelo id da fila, ou pela `reference` de um resultado desconhecido."""
        return {"data": queue.one(backend(), current_session().id, row_id)}

    @session_key
    @blp.response(200, SendAnswer)
    @blp.failure(404, "Envio não encontrado")
    @blp.failure(409, "O envio já começou ou já terminou", schema="SendConflict")
    def delete(self, row_id: int) -> dict[str, Any]:
        """Cancelar um envio que ainda não começou."""
        cancelled = queue.cancel(backend(), current_session().id, row_id)
        return {"message": "Envio cancelado com sucesso", "data": cancelled}


@blp.route("/<int:row_id>/retry")
class RetrySend(MethodView):
    @session_key
    @blp.response(200, SendAnswer)
    @blp.failure(404, "Envio não encontrado")
    @blp.failure(409, "O envio não falhou, não foi cancelado nem está incerto", schema="SendConflict")
    def post(self, row_id: int) -> dict[str, Any]:
        """Pôr um envio que falhou, foi cancelado ou ficou incerto de novo na fila."""
        return {"message": "Envio de volta na fila", "data": queue.retry(backend(), current_session(), row_id)}


@settings_blp.route("/queue")
class QueueSettings(MethodView):
    @session_key
    @settings_blp.response(200, QueueSettingsAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar as configurações da fila da sessão."""
        return {"data": queue.settings(backend(), current_session().id)}

    @session_key
    @settings_blp.arguments(QueueSettingsSchema)
    @settings_blp.response(200, QueueSettingsAnswer)
    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Configurar a fila: intervalo, envios incertos, limites de ritmo."""
        changed = queue.configure(backend(), current_session(), body)
        return {"message": "Configurações da fila atualizadas", "data": changed}
