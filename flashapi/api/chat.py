"""/api/chat: sending text."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.messages import SentAnswer, TextMessageSchema
from flashapi.services import messages

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
