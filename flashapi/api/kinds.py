"""/api/chat: sends without files beside text, and what is done to messages already sent."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.kinds import (
    ContactSchema,
    EditSchema,
    ForwardSchema,
    LocationSchema,
    PollSchema,
    ReactionSchema,
)
from flashapi.schemas.messages import RevokedAnswer, SentAnswer
from flashapi.schemas.sends import TimedSchema
from flashapi.services import messages

blp = Blueprint("kinds", "/api/chat", "Localização, enquete, contato, reação; editar, apagar, encaminhar")


@blp.route("/send-location")
class SendLocation(MethodView):
    @session_key
    @blp.arguments(LocationSchema)
    @blp.sends(SentAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar uma localização."""
        sent = messages.send_location(backend(), current_session(), **body)
        return {"message": said(body, "Localização enviada com sucesso", "Localização adicionada à fila"), "data": sent}


@blp.route("/send-poll")
class SendPoll(MethodView):
    @session_key
    @blp.arguments(PollSchema)
    @blp.sends(SentAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar uma enquete."""
        sent = messages.send_poll(backend(), current_session(), **body)
        return {"message": said(body, "Enquete enviada com sucesso", "Enquete adicionada à fila"), "data": sent}


@blp.route("/send-contact")
class SendContact(MethodView):
    @session_key
    @blp.arguments(ContactSchema)
    @blp.sends(SentAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar um contato, ou vários."""
        sent = messages.send_contact(backend(), current_session(), **body)
        return {"message": said(body, "Contato enviado com sucesso", "Contato adicionado à fila"), "data": sent}


@blp.route("/send-reaction")
class SendReaction(MethodView):
    @session_key
    @blp.arguments(ReactionSchema)
    @blp.sends(SentAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Reagir a uma mensagem; emoji vazio remove a reação."""
        sent = messages.send_reaction(backend(), current_session(), **body)
        done = "Reação enviada com sucesso" if body["emoji"] else "Reação removida com sucesso"
        return {"message": said(body, done, "Reação adicionada à fila"), "data": sent}


@blp.route("/edit")
class Edit(MethodView):
    @session_key
    @blp.arguments(EditSchema)
    @blp.sends(SentAnswer)
    @blp.failure(404, "Mensagem não encontrada")
    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Editar o texto ou a legenda de uma mensagem enviada por esta sessão."""
        sent = messages.edit(backend(), current_session(), **body)
        return {"message": said(body, "Mensagem editada com sucesso", "Edição adicionada à fila"), "data": sent}


@blp.route("/delete/<message_id>")
class Delete(MethodView):
    @session_key
    @blp.query_or_body(TimedSchema)
    @blp.sends(RevokedAnswer)
    def delete(self, sending: dict[str, Any], message_id: str) -> dict[str, Any]:
        """Apagar uma mensagem para todos. Se ela não existe ou não pode ser apagada, `success` é false."""
        try:
            revoked = messages.revoke(backend(), current_session(), message_id, **sending)
        except messages.NotRevocable as refusal:
            return {"success": False, "message": "Error ao deletar mensagem", "reason": str(refusal), "data": []}
        if revoked is None:
            return {"success": False, "message": "Mensagem não encontrada", "data": []}
        text = said(sending, "Mensagem deletada", "Exclusão adicionada à fila")
        return {"success": True, "message": text, "data": revoked}


@blp.route("/forward")
class Forward(MethodView):
    @session_key
    @blp.arguments(ForwardSchema)
    @blp.sends(SentAnswer)
    @blp.failure(404, "Mensagem não encontrada")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Encaminhar uma mensagem guardada."""
        sent = messages.forward(backend(), current_session(), **body)
        return {"message": said(body, "Mensagem encaminhada com sucesso", "Mensagem adicionada à fila"), "data": sent}


def said(body: dict[str, Any], direct: str, queued: str) -> str:
    """The contract's text for a send that is done, or that is accepted."""
    return queued if body["use_queue"] else direct
