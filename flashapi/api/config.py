"""/api/config: a session's options, webhook and figures."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.config import (
    ChangedConfigAnswer,
    ChangedWebhookAnswer,
    ConfigAnswer,
    OptionsSchema,
    StatsAnswer,
    WebhookSchema,
)
from flashapi.services import config

blp = Blueprint("config", "/api/config", "Configurações da sessão")


@blp.route("/session")
class SessionConfig(MethodView):
    @session_key
    @blp.response(200, ConfigAnswer)
    def get(self) -> dict[str, Any]:
        """Consultar as configurações da sessão."""
        return {"data": config.show(backend(), current_session())}


@blp.route("/config")
class Options(MethodView):
    @session_key
    @blp.arguments(OptionsSchema, required=False)
    @blp.response(200, ChangedConfigAnswer)
    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar as opções da sessão."""
        changed = config.update(backend(), current_session(), **body)
        return {"message": "Configurações atualizadas com sucesso", "data": changed}


@blp.route("/webhook")
class Webhook(MethodView):
    @session_key
    @blp.arguments(WebhookSchema, required=False)
    @blp.response(200, ChangedWebhookAnswer)
    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar o webhook da sessão."""
        changed = config.set_webhook(backend(), current_session(), **body)
        return {"message": "Webhook Atualizado com sucesso", "data": changed}


@blp.route("/stats")
class Stats(MethodView):
    @session_key
    @blp.response(200, StatsAnswer)
    def get(self) -> dict[str, Any]:
        """Contar o que a sessão guarda."""
        return {"data": config.stats(backend(), current_session())}
