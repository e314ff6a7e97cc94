"""/api/sandbox/phone/<numero>/groups: groups of the virtual phones. Registered with SANDBOX only."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import global_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.sandbox_groups import (
    PhoneGroupChangedAnswer,
    PhoneGroupChangeSchema,
    PhoneGroupsAnswer,
    PhoneNewGroupSchema,
)
from flashapi.services import sandbox

blp = Blueprint("sandbox_groups", "/api/sandbox/phone", "Rede simulada: grupos dos telefones")
NOT_FOUND = "Telefone ou grupo não encontrado"
NOT_ALLOWED = "O telefone não participa do grupo ou não é administrador"


@blp.route("/<numero>/groups")
class PhoneGroups(MethodView):
    @global_key
    @blp.response(200, PhoneGroupsAnswer)
    @blp.failure(404, NOT_FOUND)
    def get(self, numero: str) -> dict[str, Any]:
        """Listar os grupos de que o telefone participa."""
        return {"data": sandbox.ask(backend(), "phone.groups", numero=numero)}

    @global_key
    @blp.arguments(PhoneNewGroupSchema)
    @blp.response(200, PhoneGroupChangedAnswer)
    @blp.failure(404, NOT_FOUND)
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Criar um grupo com o telefone."""
        return {"data": sandbox.ask(backend(), "phone.group_create", numero=numero, **body)}


@blp.route("/<numero>/groups/change")
class ChangePhoneGroup(MethodView):
    @global_key
    @blp.arguments(PhoneGroupChangeSchema)
    @blp.response(200, PhoneGroupChangedAnswer)
    @blp.failure(403, NOT_ALLOWED)
    @blp.failure(404, NOT_FOUND)
    @blp.failure(409, "Já participa do grupo")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Mudar um grupo com o telefone, ou entrar em um."""
        return {"data": sandbox.ask(backend(), "phone.group_change", numero=numero, **body)}
