"""flask-smorest's blueprint with our body parser, and with the errors and keys every route has put in its docs."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import flask_smorest
from marshmallow import Schema

from flashapi.api.auth import KEY_OF_ROUTE
from flashapi.api.bodies import FORMS, QUERY_OR_BODY, BodyParser
from flashapi.api.idempotent import PARAMETER as IDEMPOTENCY_KEY
from flashapi.api.idempotent import idempotent
from flashapi.api.uploads import MULTIPART

SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "global": [{"ApiKeyAuth": []}, {"BearerAuth": []}, {"XApiKeyAuth": []}],
    "session": [{"ApiKeyAuth": []}, {"ApiKeyAuth": [], "XSession": []}],
    "either": [{"ApiKeyAuth": []}, {"ApiKeyAuth": [], "XSession": []}],
}
ERRORS = {
    400: "Requisição inválida; a mensagem diz qual campo",
    401: "Chave ausente ou inválida",
    413: "Corpo grande demais",
    429: "Limite de requisições excedido; veja Retry-After",
    500: "Erro interno do servidor",
    503: "Banco de dados, Redis ou worker indisponível; nada foi feito, veja Retry-After",
}
ASKING = {
    400: "Campo inválido, número sem WhatsApp, ou sessão não conectada",
    403: "O WhatsApp não permite a operação a esta conta",
    404: "O WhatsApp não conhece o que foi informado",
    502: "O WhatsApp recusou a operação",
    504: "O WhatsApp não respondeu a tempo; não se sabe se a operação foi feita",
}
"""What a question to WhatsApp may fail with, beside the above."""

View = Callable[..., Any]
FILE_OF_ROUTE = "flashapi_file"
"""Where a view's documentation says which field may be an uploaded file."""


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Routes of one noun."""

    ARGUMENTS_PARSER = BodyParser()

    def __init__(self, name: str, url_prefix: str, description: str) -> None:
        super().__init__(name, f"flashapi.api.{name}", url_prefix=url_prefix, description=description)
        self._prepare_doc_cbks.append(_document_common_parts)

    def route(self, rule: str, **options: Any) -> Callable[[type], type]:
        """Register a MethodView."""
        decorate: Callable[[type], type] = super().route(rule, **options)
        return decorate

    def arguments(self, schema: type[Schema], *, location: str = "json", **options: Any) -> Callable[[View], View]:
        """Load the request with this schema and hand it to the view."""
        decorate: Callable[[View], View] = super().arguments(schema, location=location, **options)
        return decorate

    def query_or_body(self, schema: type[Schema]) -> Callable[[View], View]:
        """Load the query with this schema, or a body: not every client can give a DELETE one, and OpenAPI has none."""
        load = self.arguments(schema, location=QUERY_OR_BODY)

        def decorate(view: View) -> View:
            loading: Any = load(view)
            loading._apidoc["arguments"]["parameters"][-1]["in"] = "query"
            return loading  # type: ignore[no-any-return]

        return decorate

    def response(self, status: int, schema: type[Schema] | dict[str, Any], **options: Any) -> Callable[[View], View]:
        """Dump what the view returns with this schema."""
        decorate: Callable[[View], View] = super().response(status, schema, **options)
        return decorate

    def sends(self, schema: type[Schema]) -> Callable[[View], View]:
        """The answer of a send, at most once for an Idempotency-Key, with the failures that all sends share."""

        def decorate(view: View) -> View:
            view = idempotent(view)
            for add in (
                self.response(200, schema),
                self.doc(parameters=[IDEMPOTENCY_KEY]),
                self.failure(400, "Campo inválido, número sem WhatsApp, ou sessão não conectada"),
                self.failure(502, "O WhatsApp recusou a mensagem"),
                self.failure(504, "Não se sabe se a mensagem saiu; `reference` a identifica", schema="UnknownOutcome"),
            ):
                view = add(view)
            return view

        return decorate

    def asks_whatsapp(self, view: View) -> View:
        """Document what can become of a question to WhatsApp."""
        for status, description in ASKING.items():
            view = self.failure(status, description)(view)
        return view

    def or_file(self, mimetype: str) -> Callable[[View], View]:
        """Document that a success may be a file in place of JSON."""
        content = {mimetype: {"schema": {"type": "string", "format": "binary"}}}
        decorate: Callable[[View], View] = self.doc(responses={200: {"content": content}})
        return decorate

    def takes_file(self, field: str) -> Callable[[View], View]:
        """Document that this field may be a file of a multipart body."""

        def decorate(view: View) -> View:
            described: Any = view
            described._apidoc = {**deepcopy(getattr(view, "_apidoc", {})), FILE_OF_ROUTE: field}
            return view

        return decorate

    def failure(self, status: int, description: str, schema: str = "Error") -> Callable[[View], View]:
        """Document a failure that this route has beyond those of all routes."""
        decorate: Callable[[View], View] = self.doc(responses={str(status): _failure(description, schema)})
        return decorate


def _document_common_parts(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    kind = doc_info.get(KEY_OF_ROUTE)
    body = doc.get("requestBody")
    if kind:
        doc["security"] = SECURITY[kind]
    if body:
        content = body["content"]
        schema = content["application/json"]["schema"]
        content[FORMS[0]] = {"schema": schema}
        if field := doc_info.get(FILE_OF_ROUTE):
            file = {"type": "object", "properties": {field: {"type": "string", "format": "binary"}}}
            content[MULTIPART] = {"schema": {"allOf": [schema, file]}}
    statuses = [429, 500, 503]
    statuses += [401] if kind else []
    statuses += [400, 413] if body or "parameters" in doc else []
    responses = doc.setdefault("responses", {})
    for status in sorted(statuses):
        responses[str(status)] = _failure(ERRORS[status])
        responses.pop(status, None)
    return doc


def _failure(description: str, schema: str = "Error") -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}
