"""Reads request bodies as the original did: JSON or a form; no body or another content type is `{}`."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request
from marshmallow import EXCLUDE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from flashapi.api.uploads import MULTIPART, SpoolingRequest
from flashapi.errors import InvalidInput, TooLarge
from flashapi.schemas.fields import Sentence
from flashapi.schemas.media import FileField

QUERY_OR_BODY = "query_or_body"
FORMS = ("application/x-www-form-urlencoded", MULTIPART)
ENTRIES_MOST = 600
"""How many values one field of a form may have: every person a schema takes, and some for it to refuse."""
LEVELS_MOST = 2
"""How deep the brackets in a form's names may go."""
INDEX = re.compile(r"[0-9]{0,9}")

Entry = tuple[list[str], str]
"""A value of a field, after the keys in brackets that lead to it."""


class BodyParser(FlaskParser):
    """Validates bodies and query strings; one refusal becomes a 400, the contract's own first."""

    __location_map__ = {**FlaskParser.__location_map__, QUERY_OR_BODY: "load_query_or_body"}
    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": EXCLUDE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        if req.mimetype == MULTIPART and _takes_file(schema):
            return _form_with_files(req, schema)
        limit = req.max_content_length
        if req.content_length is None and limit is not None and len(req.get_data()) >= limit:
            raise TooLarge()  # a chunked body that long has been cut off at the limit, silently
        if req.mimetype == "application/json" or req.mimetype.endswith("+json"):
            return _json_object(req.get_data())
        if req.mimetype in FORMS:
            return _form(req, schema)
        return {}

    def load_query_or_body(self, req: Request, schema: Schema) -> Any:
        """What the path's query says, or a body, which wins."""
        return {**req.args.to_dict(), **self.load_json(req, schema)}

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


def _form_with_files(req: Request, schema: Schema) -> dict[str, Any]:
    assert isinstance(req, SpoolingRequest)
    req.expect_file()
    return {**_form(req, schema), **req.uploads()}


def _form(req: Request, schema: Schema) -> dict[str, Any]:
    """The schema's fields; brackets in names (`a[]`, `a[0]`, `a[key]`, `a[0][key]`) make lists and objects."""
    known = {field.data_key or name for name, field in schema.fields.items()}
    form: dict[str, list[Entry]] = {}
    for path, texts in req.form.lists():
        name, bracket, rest = path.partition("[")
        if name not in known or (bracket and not rest.endswith("]")):
            continue
        keys = rest[:-1].split("][", LEVELS_MOST) if bracket else []
        entries = form.setdefault(name, [])
        if len(keys) > LEVELS_MOST:
            raise InvalidInput(f"{name} tem mais de {LEVELS_MOST} níveis de colchetes no formulário; envie-o em JSON")
        if len(entries) + len(texts) > ENTRIES_MOST:
            raise InvalidInput(f"{name} tem mais de {ENTRIES_MOST} valores no formulário; envie-os em JSON")
        entries += [(keys, text) for text in texts]
    return {name: _nested(entries) for name, entries in form.items()}


def _nested(entries: list[Entry]) -> Any:
    """A text, a list where all keys are indexes, which give the order and no more, else an object."""
    if not any(keys for keys, _ in entries):
        return [text for _, text in entries] if len(entries) > 1 else entries[0][1]
    parts: dict[str, list[Entry]] = {}
    for keys, text in entries:
        parts.setdefault(keys[0] if keys else "", []).append((keys[1:], text))
    found = {key: _nested(inner) for key, inner in parts.items()}
    if not all(INDEX.fullmatch(key) for key in found):
        return found
    last = found.pop("", [])  # `a[]`, beside `a[0]` or not
    return [found[key] for key in sorted(found, key=int)] + (last if isinstance(last, list) else [last])


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


def _first_text(refusals: Any) -> str:
    while not isinstance(refusals, str):
        refusals = next(iter(refusals.values() if isinstance(refusals, Mapping) else refusals))
    return refusals
