"""The OpenAPI document as a Postman collection: `python -m flashapi.postman docs/postman.json` (`make postman`).

Nothing in it changes unless a route does, so that a test can compare the stored file with a fresh one.
"""

import json
import sys
from pathlib import Path
from typing import Any

from flashapi.app import create_app
from flashapi.settings import Settings

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "post", "put", "patch", "delete")
BASE, GLOBAL_KEY, SESSION_KEY = "{{baseUrl}}", "{{globalApiKey}}", "{{sessionApiKey}}"
DEEPEST = 5


def collection() -> dict[str, Any]:
    """The collection of all routes of this version."""
    app = create_app(Settings(global_api_key="none", database_url="sqlite://", sandbox=True))
    return from_openapi(app.test_client().get("/openapi.json").get_json())


def from_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """A folder for each tag, a request for each operation, example bodies made from the schemas."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                shared = operations.get("parameters", [])
                request = _request(document, path, method, operation, [*shared, *operation.get("parameters", [])])
                folders.setdefault(operation["tags"][0], []).append({"name": operation["summary"], "request": request})
    info = {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA}
    variables = {"baseUrl": "http://localhost:3000", "globalApiKey": "", "sessionApiKey": ""}
    described = {tag["name"]: tag.get("description", tag["name"]) for tag in document.get("tags", [])}
    return {
        "info": info,
        "item": [{"name": described.get(tag, tag), "item": items} for tag, items in folders.items()],
        "variable": [{"key": key, "value": value} for key, value in variables.items()],
    }


def _request(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", operation["summary"]),
        "header": _headers(operation),
        "url": _url(document, path, parameters),
    }
    content = operation.get("requestBody", {}).get("content", {})
    if schema := content.get("application/json", {}).get("schema"):
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        body = json.dumps(_example(document, schema), ensure_ascii=False, indent=2)
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    return request


def _headers(operation: dict[str, Any]) -> list[dict[str, str]]:
    security = operation.get("security", [])
    if not security:
        return []
    of_session = any("XSession" in requirement for requirement in security)
    return [{"key": "apikey", "value": SESSION_KEY if of_session else GLOBAL_KEY}]


def _url(document: dict[str, Any], path: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    spelled = path.replace("{", ":").replace("}", "")
    query = [
        {
            "key": one["name"],
            "value": str(_example(document, one.get("schema", {}))),
            "description": one.get("description", ""),
            "disabled": not one.get("required", False),
        }
        for one in parameters
        if one["in"] == "query"
    ]
    variables = [{"key": one["name"], "value": ""} for one in parameters if one["in"] == "path"]
    url: dict[str, Any] = {"raw": f"{BASE}{spelled}", "host": [BASE], "path": spelled.strip("/").split("/")}
    if query:
        url["query"] = query
    if variables:
        url["variable"] = variables
    return url


def _example(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """What the schema says by example or default, else a value of its type."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document, document["components"]["schemas"][name], depth + 1)
    for told in ("example", "default"):
        if told in schema:
            return schema[told]
    for joined in ("allOf", "oneOf", "anyOf"):
        if joined in schema:
            return _example(document, schema[joined][0], depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" if depth < DEEPEST:
            properties = schema.get("properties", {})
            return {name: _example(document, one, depth + 1) for name, one in properties.items()}
        case "array" if depth < DEEPEST:
            return [_example(document, schema.get("items", {}), depth + 1)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "object":
            return {}
        case "array":
            return []
    return ""


def as_text() -> str:
    """The file's content."""
    return json.dumps(collection(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(as_text(), encoding="utf-8")
