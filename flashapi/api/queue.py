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
        """Cancelar as mensagens da fila que ainda não começaram a ser enviadas.

        As que esperam para ser enviadas de novo, sem que se saiba se já saíram, ficam `uncertain`.
        """
        return {
            "message": "Fila de mensagens limpa com sucesso",
            "data": queue.clear(backend(), current_session().id),
        }


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
        """Cancelar um envio que ainda não começou, ou dispensar um que ficou incerto.

        Um que espera para ser enviado de novo, sem que se saiba se já saiu, não é cancelado: fica `uncertain`. Um
        `uncertain` fica `dismissed`: não é mais contado, e um recibo ainda pode mostrar que foi enviado.
        """
        withdrawn = queue.cancel(backend(), current_session().id, row_id)
        return {"message": queue.WITHDRAWN.get(withdrawn["state"], queue.WITHDRAWN_SINCE), "data": withdrawn}


@blp.route("/<int:row_id>/retry")
class RetrySend(MethodView):
    @session_key
    @blp.response(200, SendAnswer)
    @blp.failure(404, "Envio não encontrado")
    @blp.failure(409, "O envio não falhou, não foi cancelado, nem está incerto ou dispensado", schema="SendConflict")
    def post(self, row_id: int) -> dict[str, Any]:
        """Pôr de novo na fila um envio que falhou, foi cancelado, ficou incerto ou foi dispensado."""
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
