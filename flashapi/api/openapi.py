"""The OpenAPI document: what all routes have in common. The routes themselves come from their blueprints."""

from typing import Any

import flask_smorest
from flask import Flask

from flashapi.schemas.envelope import ErrorSchema, UnknownOutcomeSchema
from flashapi.schemas.health import NotReadySchema
from flashapi.schemas.queue import SendConflictSchema
from flashapi.settings import Settings

VERSION = "0.1.0"
DESCRIPTION = """API REST para várias sessões do WhatsApp.

Rotas globais usam a chave global (`GLOBAL_API_KEY`) em `apikey`, `Authorization` ou `x-api-key`. Rotas de uma sessão
usam a chave dela em `apikey`, ou a chave global junto com `x-session: <id ou nome da sessão>`. Corpos podem ser JSON
ou formulário; nenhum corpo é um corpo vazio. Campos desconhecidos são ignorados, `null` equivale a ausente, números e
booleanos podem vir como texto, números onde se espera texto são lidos como seus dígitos, e uma lista de textos pode vir
como um só texto com vírgulas. Em formulários, listas e objetos usam colchetes: `options[0]`, `contact[displayName]`."""

SECURITY_SCHEMES = {
    "ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "apikey", "description": "Chave global ou da sessão"},
    "BearerAuth": {"type": "http", "scheme": "bearer", "description": "Chave global"},
    "XApiKeyAuth": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "Chave global"},
    "XSession": {
        "type": "apiKey",
        "in": "header",
        "name": "x-session",
        "description": "Com a chave global, nas rotas de uma sessão: o id ou o nome dela",
    },
}

FAILURES = {
    "UnknownOutcome": UnknownOutcomeSchema,
    "NotReady": NotReadySchema,
    "SendConflict": SendConflictSchema,
}
"""Those that tell more than `Error`."""


class Rest(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest with our errors in its documentation."""

    ERROR_SCHEMA = ErrorSchema


def make_rest(app: Flask, settings: Settings) -> Rest:
    """What blueprints are registered on; serves `/openapi.json`."""
    app.config.update(
        API_TITLE="FlashApi",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
    )
    spec: dict[str, Any] = {
        "servers": [{"url": settings.base_url}],
        "info": {"description": DESCRIPTION},
        "components": {"securitySchemes": SECURITY_SCHEMES},
    }
    rest = Rest(app, spec_kwargs=spec)
    for name, schema in FAILURES.items():
        rest.spec.components.schema(name, schema=schema)
    return rest
