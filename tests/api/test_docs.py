"""The documentation page, its files, and the OpenAPI document."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from flashapi.app import create_app
from flashapi.settings import Settings
from tests.api.conftest import Caller

pytestmark = pytest.mark.openapi

MULTIPART = "multipart/form-data"
TAKES_FILE = {f"/api/chat/send-{kind}" for kind in ("image", "video", "audio", "document", "sticker")}
TAKES_FILE.add("/api/group/update-picture")


@pytest.fixture
def document(charlie: Caller) -> dict[str, Any]:
    answer = charlie.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def test_the_page_loads_only_local_files_that_exist(charlie: Caller) -> None:
    page = charlie.get("/api-docs")
    assert page.status_code == 200
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) >= 4
    for path in files:
        assert path.startswith("/")
        assert charlie.get(path).status_code == 200, path


def test_the_page_runs_under_its_own_policy(charlie: Caller) -> None:
    page = charlie.get("/api-docs")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe-eval" not in policy
    assert "<script>" not in page.text and "onclick" not in page.text


@pytest.mark.parametrize("path", ["/", "/manager", "/manager/", "/manager/login"])
def test_browsers_are_led_to_the_docs(charlie: Caller, path: str) -> None:
    answer = charlie.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/api-docs")


def test_assets_stay_in_their_folder(charlie: Caller) -> None:
    assert charlie.get("/api-docs/assets/../__init__.py").status_code == 404
    assert charlie.get("/api-docs/assets/%2e%2e/__init__.py").status_code == 404


def test_every_route_is_documented(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/api/") or rule.rule in ("/health", "/ready")
        if method not in ("HEAD", "OPTIONS")
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_has_a_summary_a_success_and_its_errors(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        named = f"{method} {path}"
        assert operation["summary"], named
        assert operation["tags"], named
        assert all(content["schema"] for content in operation["responses"]["200"]["content"].values()), named
        assert {"429", "500", "503"} <= operation["responses"].keys(), named
        assert "422" not in operation["responses"], named
        if path.startswith("/api/"):
            assert operation["security"] and "401" in operation["responses"], named
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            assert {"application/json", "application/x-www-form-urlencoded"} == content.keys() - {MULTIPART}, named
            assert (MULTIPART in content) == (path in TAKES_FILE), named
            assert "400" in operation["responses"], named


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        found: Any = document
        for part in reference.split("/"):
            found = found[part]
    for requirement in {
        name for _, _, one in operations(document) for item in one.get("security", []) for name in item
    }:
        assert requirement in document["components"]["securitySchemes"]


def test_path_parameters_are_declared(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for name in re.findall(r"{(\w+)}", path):
            declared = [one["name"] for one in methods.get("parameters", [])]
            declared += [
                one["name"] for _, _, op in operations({"paths": {path: methods}}) for one in op.get("parameters", [])
            ]
            assert name in declared, path


def test_fields_have_the_names_and_examples_clients_use(document: dict[str, Any]) -> None:
    body = document["components"]["schemas"]["TextMessage"]
    assert set(body["required"]) == {"to", "text"}
    assert body["properties"].keys() == {
        "to", "text", "linkPreview", "mentions", "mentionAll", "quoted", "delay", "useQueue", "sendAt", "priority",
    }
    assert body["properties"]["to"]["example"] == "5599999999999"
    assert body["properties"]["delay"]["type"] == "integer"


def test_the_first_server_is_the_public_address(settings: Settings) -> None:
    app = create_app(replace(settings, public_url="https://api.exemplo.com"))
    answer: Any = app.test_client().get("/openapi.json", headers={"X-Forwarded-Proto": "https"})
    assert answer.json["servers"][0] == {"url": "https://api.exemplo.com"}
    assert "max-age" in answer.headers["Strict-Transport-Security"]
