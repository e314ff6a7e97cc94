"""The schemas that requests are loaded with, all of them: Portuguese refusals named by path, no half characters."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError

from flashapi.schemas.fields import Sentence, TextList
from flashapi.schemas.inputs import InputSchema
from tests.api.test_refusals import HALF


def input_schemas(under: type[InputSchema] = InputSchema) -> Iterator[type[InputSchema]]:
    """All that are loaded from requests, nested ones included."""
    for schema in under.__subclasses__():
        yield schema
        yield from input_schemas(schema)


SCHEMAS = sorted(set(input_schemas()), key=lambda schema: f"{schema.__module__}.{schema.__name__}")
VALUES: list[Any] = [
    None, "", "x", "²", HALF, "x" * 70_000, 7, -1, 1.5, 2**70, float("nan"), True,
    [], [None], [1], ["x"], [HALF], [[]], [{}], ["x"] * 1_001, {}, {"a": 1}, {"a": None},
]  # fmt: skip
CONTINUATIONS = ("é obrigatório", "deve", "devem", "não")
"""How our refusals go on after the field's name."""


def refusals_of(schema: type[InputSchema], given: dict[str, Any]) -> dict[str, list[str]]:
    try:
        schema().load(given)
    except ValidationError as error:
        return error.messages_dict
    return {}


def test_every_route_loads_with_such_a_schema(app: Flask) -> None:
    views = [getattr(view, "view_class", None) for view in app.view_functions.values()]
    methods = [getattr(view, name.lower()) for view in views for name in getattr(view, "methods", None) or ()]
    loaded = {
        parameter["schema"]
        for method in methods
        for parameter in getattr(method, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    }
    assert len(loaded) > 50
    assert loaded <= set(SCHEMAS)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_no_refusal_is_marshmallow_s_own(schema: type[InputSchema]) -> None:
    for field in schema().load_fields.values():
        for value in VALUES:
            for path, texts in refusals_of(schema, {str(field.data_key or field.name): value, "outro": 1}).items():
                for text in texts:
                    where = f"{path} {text} ({value!r:.40})"
                    assert isinstance(text, Sentence) or text.startswith(CONTINUATIONS), where
                    assert path.partition(".")[0].partition("[")[0] in {
                        each.data_key or each.name for each in schema().load_fields.values()
                    }, where


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_no_field_takes_half_a_surrogate_pair(schema: type[InputSchema]) -> None:
    for field in schema().load_fields.values():
        name = str(field.data_key or field.name)
        if isinstance(field, TextList) and not field.only_texts:
            continue  # what names nobody is left out of it
        for value in (HALF, [HALF]):
            assert any(path.startswith(name) for path in refusals_of(schema, {name: value})), f"{name} {value!r}"
