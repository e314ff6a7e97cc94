"""/api/chat: stored messages and chats, a message's status, a poll's votes."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.history import (
    ChatsAnswer,
    MessagesAnswer,
    MessageStatusAnswer,
    OneChatSchema,
    PageSchema,
    PollAnswer,
    RemovedAnswer,
)
from flashapi.services import forgetting, history

blp = Blueprint("history", "/api/chat", "Mensagens e chats guardados")


@blp.route("/messages")
class Messages(MethodView):
    @session_key
    @blp.arguments(PageSchema, location="query")
    @blp.response(200, MessagesAnswer)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Listar as mensagens guardadas, uma página por vez, da mais nova para trás."""
        return {"data": history.page(backend(), current_session(), **query)}

    @session_key
    @blp.arguments(OneChatSchema, location="query")
    @blp.response(200, RemovedAnswer)
    def delete(self, query: dict[str, Any]) -> dict[str, Any]:
        """Remover do banco de dados tudo de um chat (pedidos de privacidade).

        De uma pessoa, também as mensagens em grupos, os votos e as ligações dela. Envios que ainda estão na fila ficam:
        cancele-os antes. O WhatsApp não é avisado.
        """
        removed = forgetting.forget(backend(), current_session(), **query)
        return {"message": "Mensagens removidas com sucesso", "data": {"jid": query["jid"], "removed": removed}}


@blp.route("/messages/<message_id>")
class MessageStatus(MethodView):
    @session_key
    @blp.response(200, MessageStatusAnswer)
    @blp.failure(404, "Mensagem não encontrada")
    def get(self, message_id: str) -> dict[str, Any]:
        """Consultar uma mensagem e o seu status."""
        return {"data": history.message_status(backend(), current_session(), message_id)}


@blp.route("/chats")
class Chats(MethodView):
    @session_key
    @blp.response(200, ChatsAnswer)
    def get(self) -> dict[str, Any]:
        """Listar os chats."""
        return {"data": history.list_chats(backend(), current_session())}


@blp.route("/poll/<message_id>")
class Poll(MethodView):
    @session_key
    @blp.response(200, PollAnswer)
    @blp.failure(400, "A mensagem não é uma enquete")
    @blp.failure(404, "Mensagem não encontrada")
    def get(self, message_id: str) -> dict[str, Any]:
        """Contar os votos de uma enquete."""
        return {"data": history.poll_totals(backend(), current_session(), message_id)}
