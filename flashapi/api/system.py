"""/api/system: the installation as a whole."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import global_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.api.openapi import VERSION
from flashapi.schemas.system import CleanedAnswer, SystemConfigAnswer, SystemStatusAnswer
from flashapi.services import system

blp = Blueprint("system", "/api/system", "A instalação")


@blp.route("/status")
class SystemStatus(MethodView):
    @global_key
    @blp.response(200, SystemStatusAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar o processo web e as sessões."""
        return {"data": system.status(backend(), VERSION)}


@blp.route("/config")
class SystemConfig(MethodView):
    @global_key
    @blp.response(200, SystemConfigAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar as configurações da instalação."""
        return {"data": system.config(backend(), VERSION)}


@blp.route("/cleanup")
class CleanUp(MethodView):
    @global_key
    @blp.response(200, CleanedAnswer)
    def post(self) -> dict[str, Any]:
        """Remover agora mensagens e sessões vencidas (DELETE_TEMP_MENSAGE, DELETE_SESAO_DISCONECT)."""
        return {"message": "Limpeza de sessões realizada com sucesso", "data": system.clean_up(backend())}
