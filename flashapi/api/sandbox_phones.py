"""/api/sandbox/phone/<numero>: calls, history, profile and blocks of the virtual phones. With SANDBOX only."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import global_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.envelope import Done
from flashapi.schemas.sandbox_contents import (
    CallMadeAnswer,
    HistoryToldAnswer,
    PhoneBlockSchema,
    PhoneCallSchema,
    PhoneHangupSchema,
    PhoneHistorySchema,
    PhoneInfoAnswer,
    PhonePictureSchema,
    PhoneStatusSchema,
    PictureAnswer,
)
from flashapi.services import sandbox

blp = Blueprint("sandbox_phones", "/api/sandbox/phone", "Rede simulada: ligações, histórico e perfil dos telefones")
NO_PHONE = "Telefone não encontrado"


@blp.route("/<numero>/call")
class PhoneCall(MethodView):
    @global_key
    @blp.arguments(PhoneCallSchema)
    @blp.response(200, CallMadeAnswer)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Ligar do telefone."""
        return {"data": sandbox.ask(backend(), "phone.call", numero=numero, **body)}


@blp.route("/<numero>/hangup")
class PhoneHangup(MethodView):
    @global_key
    @blp.arguments(PhoneHangupSchema)
    @blp.response(200, Done)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Encerrar uma ligação do telefone."""
        sandbox.ask(backend(), "phone.hangup", numero=numero, callId=body["call_id"])
        return {"message": "Ligação encerrada com sucesso"}


@blp.route("/<numero>/history")
class PhoneHistory(MethodView):
    @global_key
    @blp.arguments(PhoneHistorySchema)
    @blp.response(200, HistoryToldAnswer)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Contar aos aparelhos vinculados o que houve antes do vínculo."""
        return {"data": sandbox.ask(backend(), "phone.history", numero=numero, **body)}


@blp.route("/<numero>/picture")
class PhonePicture(MethodView):
    @global_key
    @blp.arguments(PhonePictureSchema)
    @blp.response(200, PictureAnswer)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Trocar a foto de perfil do telefone."""
        return {"data": sandbox.ask(backend(), "phone.picture", numero=numero, **body)}


@blp.route("/<numero>/status")
class PhoneStatus(MethodView):
    @global_key
    @blp.arguments(PhoneStatusSchema)
    @blp.response(200, Done)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Trocar o recado do telefone."""
        sandbox.ask(backend(), "phone.status", numero=numero, **body)
        return {"message": "Recado atualizado com sucesso"}


@blp.route("/<numero>/block")
class PhoneBlock(MethodView):
    @global_key
    @blp.arguments(PhoneBlockSchema)
    @blp.response(200, Done)
    @blp.failure(404, NO_PHONE)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Bloquear ou desbloquear alguém no telefone."""
        sandbox.ask(backend(), "phone.block", numero=numero, **body)
        return {"message": "Bloqueio atualizado com sucesso"}


@blp.route("/<numero>/info")
class PhoneInfo(MethodView):
    @global_key
    @blp.response(200, PhoneInfoAnswer)
    @blp.failure(404, NO_PHONE)
    def get(self, numero: str) -> dict[str, Any]:
        """Ver o que a rede guarda do telefone."""
        return {"data": sandbox.ask(backend(), "phone.info", numero=numero)}
