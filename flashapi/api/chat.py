"""/api/chat: sending messages, and the queue they may wait in."""

from typing import Any

from flask.views import MethodView

from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.auth import current_session, session_key
from flashapi.schemas.messages import ClearedAnswer, QueueAnswer, SentAnswer, TextMessageSchema
from flashapi.services import messages, outbox

blp = Blueprint("chat", "/api/chat", "Mensagens e a fila de envio")


@blp.route("/send-text")
class SendText(MethodView):
    @session_key
    @blp.arguments(TextMessageSchema)
    @blp.sends(SentAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar uma mensagem de texto, agora ou pela fila."""
        sent = messages.send_text(backend(), current_session(), **body)
        queued, direct = "Mensagem adicionada à fila", "Mensagem de texto enviada com sucesso"
        return {"message": queued if body["use_queue"] else direct, "data": sent}


@blp.route("/queue/status")
class QueueStatus(MethodView):
    @session_key
    @blp.response(200, QueueAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar a fila de envio da sessão."""
        return {"data": outbox.status(backend(), current_session().id)}


@blp.route("/queue/clear")
class ClearQueue(MethodView):
    @session_key
    @blp.response(200, ClearedAnswer)
    def post(self) -> dict[str, Any]:
        """Cancelar as mensagens da fila que ainda não começaram a ser enviadas."""
        cancelled = outbox.clear(backend(), current_session().id)
        return {"message": "Fila de mensagens limpa com sucesso", "data": {"cancelled": cancelled}}
