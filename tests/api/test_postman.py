"""docs/postman.json is what `make postman` makes of this version's routes, and usable as it stands."""

import json
from pathlib import Path
from typing import Any

import pytest

from flashapi import postman

pytestmark = pytest.mark.openapi

STORED = Path(__file__).resolve().parent.parent.parent / "docs" / "postman.json"


@pytest.fixture(scope="module")
def requests() -> list[dict[str, Any]]:
    return [item["request"] for folder in postman.collection()["item"] for item in folder["item"]]


def test_the_stored_collection_is_up_to_date() -> None:
    assert STORED.read_text(encoding="utf-8") == postman.as_text(), "run `make postman`"


def test_every_route_is_in_it_with_the_right_key(requests: list[dict[str, Any]]) -> None:
    keys = {
        (one["method"], one["url"]["raw"]): [h["value"] for h in one["header"] if h["key"] == "apikey"]
        for one in requests
    }
    assert keys["POST", "{{baseUrl}}/api/session/create_sessao"] == ["{{globalApiKey}}"]
    assert keys["POST", "{{baseUrl}}/api/chat/send-text"] == ["{{sessionApiKey}}"]
    assert keys["DELETE", "{{baseUrl}}/api/chat/delete/:message_id"] == ["{{sessionApiKey}}"]
    assert keys["GET", "{{baseUrl}}/health"] == []


def test_bodies_are_examples_that_the_api_could_take(requests: list[dict[str, Any]]) -> None:
    bodies = {one["url"]["raw"]: json.loads(one["body"]["raw"]) for one in requests if "body" in one}
    assert bodies["{{baseUrl}}/api/chat/send-text"]["to"] == "5599999999999"
    assert bodies["{{baseUrl}}/api/chat/send-poll"]["options"] == ["Sexta", "Sábado"]
    assert bodies["{{baseUrl}}/api/chat/send-contact"]["contact"]["displayName"] == "Maria"
