"""The OpenAPI document as its own description reads it: inputs are taken more leniently than their schemas say.

What a schema forbids but the description allows (an unknown field, null, a number as text, ...) is no violation. Data
made to violate this document violates what the API promises.
"""

from copy import deepcopy
from typing import Any

SCALARS = [{"type": "string"}, {"type": "number"}]
LIMITS = ("minimum", "maximum")


def lenient(document: dict[str, Any]) -> dict[str, Any]:
    """A copy in which bodies and query parameters may be all that they may be."""
    made = deepcopy(document)
    for methods in made["paths"].values():
        for operation in (methods[name] for name in methods if name != "parameters"):
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    parameter["schema"] = _loosened(parameter["schema"], document)
            body = operation.get("requestBody")
            if body:
                for media, content in body["content"].items():
                    content["schema"] = _loosened_body(content["schema"], document, form=media != "application/json")
                body["required"] = any(_requires(content["schema"]) for content in body["content"].values())
    return made


def _loosened_body(schema: dict[str, Any], document: dict[str, Any], *, form: bool) -> dict[str, Any]:
    """Where nothing is required, null is an empty body, and a form of whatever text one of unknown fields."""
    loosened = _loosened(schema, document)
    if _requires(loosened):
        return loosened
    return {} if form else {**loosened, "nullable": True}


def _loosened(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _loosened(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    for combined in ("allOf", "oneOf", "anyOf"):
        if combined in schema:
            parts = [_loosened(part, document) for part in schema[combined]]
            others = {name: value for name, value in schema.items() if name != combined}
            return {**others, combined if combined == "allOf" else "anyOf": parts, "nullable": True}
    kind = schema.get("type")
    if kind == "object":
        return _loosened_object(schema, document)
    if kind == "array":
        return {"nullable": True, "anyOf": [{"type": "array", "items": {}}, *SCALARS]}
    if kind == "string":
        return {"nullable": True, "anyOf": SCALARS}
    if kind in ("integer", "number"):
        limits = {name: schema[name] for name in LIMITS if name in schema}
        return {"nullable": True, "anyOf": [{"type": "number", **limits}, {"type": "string"}]}
    if kind == "boolean":
        return {"nullable": True, "anyOf": [{"type": "boolean"}, *SCALARS]}
    return {}


def _loosened_object(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    properties = {name: _or_absent(_loosened(each, document)) for name, each in schema.get("properties", {}).items()}
    for name in schema.get("required", []):
        properties[name].pop("nullable", None)
    kept = {name: value for name, value in schema.items() if name in ("required", "nullable")}
    return {**kept, "type": "object", "properties": properties, "additionalProperties": True}


def _or_absent(schema: dict[str, Any]) -> dict[str, Any]:
    """Null, and in a form an empty text, stand for an object that isn't there."""
    if schema.get("type") != "object":
        return schema
    return {"nullable": True, "anyOf": [schema, {"type": "string", "maxLength": 0}]}


def _requires(schema: dict[str, Any]) -> bool:
    return bool(schema.get("required")) or any(_requires(part) for part in schema.get("allOf", []))
