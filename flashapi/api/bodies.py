"""Reads request bodies as the original did: JSON or a form; no body or another content type is `{}`."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request
from marshmallow import EXCLUDE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from flashapi.api.uploads import MULTIPART, SpoolingRequest
from flashapi.errors import InvalidInput, TooLarge
from flashapi.schemas.fields import Sentence
from flashapi.schemas.media import FileField

FORMS = ("application/x-www-form-urlencoded", MULTIPART)


class BodyParser(FlaskParser):
    """Validates bodies and query strings; one refusal becomes a 400, the contract's own first."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": EXCLUDE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        if req.mimetype == MULTIPART and _takes_file(schema):
            return _form_with_files(req)
        limit = req.max_content_length
        if req.content_length is None and limit is not None and len(req.get_data()) >= limit:
            raise TooLarge()  # a chunked body that long has been cut off at the limit, silently
        if req.mimetype == "application/json" or req.mimetype.endswith("+json"):
            return _json_object(req.get_data())
        if req.mimetype in FORMS:
            return _form(req)
        return {}

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: Any) -> NoReturn:
        refusals: dict[str, Any] = next(iter(error.messages_dict.values()))
        raise InvalidInput(refusal(schema, refusals))


def refusal(schema: Schema, refusals: dict[str, Any]) -> str:
    """The one sentence that is told of a body's refusals: the contract's own come before those of fields it lacks."""
    names = [field.data_key or name for name, field in schema.fields.items()]
    texts = {name: _first_text(refusals[name]) for name in (*names, *refusals) if name in refusals}
    name, text = min(texts.items(), key=lambda item: not isinstance(item[1], Sentence))
    return text if isinstance(text, Sentence) else f"{name} {text}"


def _takes_file(schema: Schema) -> bool:
    return any(isinstance(field, FileField) for field in schema.fields.values())


def _form_with_files(req: Request) -> dict[str, Any]:
    assert isinstance(req, SpoolingRequest)
    req.expect_file()
    return {**_form(req), **req.uploads()}


def _form(req: Request) -> dict[str, Any]:
    return {name.removesuffix("[]"): _form_value(name, req.form.getlist(name)) for name in req.form}


def _json_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidInput("O corpo da requisição não é um JSON válido") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise InvalidInput("O corpo da requisição deve ser um objeto JSON")
    return body


def _form_value(name: str, values: list[str]) -> str | list[str]:
    return values if name.endswith("[]") or len(values) > 1 else values[0]


def _first_text(refusals: Any) -> str:
    while not isinstance(refusals, str):
        refusals = next(iter(refusals.values() if isinstance(refusals, Mapping) else refusals))
    return refusals
