"""/api/chat: typing, reading, and following somebody's presence."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.kinds import MarkReadSchema, SubscribeSchema, TypingSchema
from flashapi.schemas.messages import SucceededAnswer
from flashapi.services import presences

blp = Blueprint("presences", "/api/chat", "Digitando, lido, presença")
SUCCEEDED = {"success": True}


@blp.route("/typing")
class Typing(MethodView):
    @session_key
    @blp.arguments(TypingSchema)
    @blp.response(200, SucceededAnswer)
    @blp.failure(502, "O WhatsApp recusou a operação")
    @blp.failure(504, "O WhatsApp não respondeu a tempo")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mostrar que a sessão está digitando, ou que parou."""
        presences.type_in(backend(), current_session(), **body)
        what = "iniciado" if body["typing"] else "parado"
        return {"message": f"Status de digitação {what} com sucesso", "data": SUCCEEDED}


@blp.route("/mark-read")
class MarkRead(MethodView):
    @session_key
    @blp.arguments(MarkReadSchema)
    @blp.response(200, SucceededAnswer)
    @blp.failure(404, "Mensagem não encontrada")
    @blp.failure(502, "O WhatsApp recusou a operação")
    @blp.failure(504, "O WhatsApp não respondeu a tempo")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Marcar como lida uma mensagem, ou tudo o que se recebeu no chat."""
        presences.mark_read(backend(), current_session(), **body)
        return {"message": "Mensagem marcada como lida com sucesso", "data": SUCCEEDED}


@blp.route("/presence-subscribe")
class SubscribePresence(MethodView):
    @session_key
    @blp.arguments(SubscribeSchema)
    @blp.response(200, SucceededAnswer)
    @blp.failure(502, "O WhatsApp recusou a operação")
    @blp.failure(504, "O WhatsApp não respondeu a tempo")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Acompanhar a presença de alguém (eventos `presence_update`) enquanto durar a conexão."""
        presences.subscribe(backend(), current_session(), **body)
        return {"message": "Presença acompanhada com sucesso", "data": SUCCEEDED}
