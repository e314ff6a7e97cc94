"""Idempotency-Key: what was asked already is answered before anything that may come out differently this time."""

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import outbox_states
from flashapi.api.bodies import FORMS
from flashapi.api.idempotent import HEADER
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, idempotency_keys, outbox
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session
from tests.support import samples

pytestmark = pytest.mark.openapi

TO = "5599999999999"
GROUP = "120363012345678901@g.us"
KEY = {HEADER: "pedido-1"}
CARD = {"name": "Ana", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Ana\nEND:VCARD"}
PICTURE = samples.picture()
NOWHERE = "http://127.0.0.1:9/sumiu"

REPEATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "text": ("POST", "send-text", {"to": TO, "text": "oi", "quoted": "NINGUEM"}),
    "location": ("POST", "send-location", {"to": TO, "latitude": 1, "longitude": 2}),
    "poll": ("POST", "send-poll", {"to": TO, "name": "?", "options": ["a", "b"]}),
    "contact": ("POST", "send-contact", {"to": TO, "contact": CARD}),
    "reaction": ("POST", "send-reaction", {"to": GROUP, "messageId": "NINGUEM", "emoji": "👍"}),
    "edit": ("PUT", "edit", {"messageId": "NINGUEM", "text": "oi"}),
    "delete": ("DELETE", "delete/NINGUEM", {}),
    "forward": ("POST", "forward", {"to": TO, "messageId": "NINGUEM"}),
    "image": ("POST", "send-image", {"to": TO, "image": NOWHERE}),
    "video": ("POST", "send-video", {"to": TO, "video": NOWHERE}),
    "audio": ("POST", "send-audio", {"to": TO, "audio": NOWHERE}),
    "document": ("POST", "send-document", {"to": TO, "document": NOWHERE, "fileName": "a.pdf"}),
    "sticker": ("POST", "send-sticker", {"to": TO, "sticker": NOWHERE}),
    "bulk": ("POST", "send-bulk", {"messages": [{"type": "text", "to": TO, "text": "oi", "quoted": "NINGUEM"}]}),
}
"""Requests that would be refused if they were new, each for a reason of its own, on a session without a phone."""


class Shelf:
    """A server with one picture, which may be taken away; it counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.has_it = True
        self.meanwhile: Callable[[], object] | None = None
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.asked += 1
                meanwhile, shelf.meanwhile = shelf.meanwhile, None
                has_it = shelf.has_it and meanwhile is None
                if meanwhile is not None:
                    meanwhile()
                self.send_response(200 if has_it else 403)
                self.send_header("Content-Length", str(len(PICTURE) if has_it else 0))
                self.end_headers()
                self.wfile.write(PICTURE if has_it else b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/foto?assinatura=curta"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def alice(database: Settings, connections: Connections) -> Owner:
    """Alice's session, without a phone yet, on this database."""
    settings = replace(database, allow_private_urls=True)
    return own_session(Caller(create_app(settings).test_client(), database.global_api_key), "alice-vendas")


@pytest.fixture
def paired(alice: Owner, connections: Connections) -> Owner:
    """Alice's session, linked to a phone and not connected."""
    link(connections, True)
    return alice


def link(connections: Connections, paired: bool) -> None:
    with connections.transaction() as connection:
        connection.execute(sa.text("UPDATE sessions SET paired = :paired"), {"paired": paired})


def count(connections: Connections) -> int:
    with connections.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(outbox)) or 0)


def uncertain(connections: Connections, owner: Owner, route: str, request_hash: str) -> str:
    """A direct send with the key that ended in doubt; its reference."""
    new = outbox_states.NewSend(action="send_text", recipient=TO, payload={}, direct=True)
    with outbox_states.changing(connections) as (connection, changes):
        (row,) = outbox_states.accept(connection, changes, owner.id, [new])
        outbox_states.move(
            connection, changes, owner.id, [outbox.c.id == row], [SendState.QUEUED], SendState.UNCERTAIN
        )
        kept = {"session_id": owner.id, "route": route, "key": KEY[HEADER], "request_hash": request_hash}
        connection.execute(idempotency_keys.insert(), kept | {"row_id": row, "created_at": now_ms()})
    return str(row)


@pytest.mark.parametrize("kind", REPEATS)
def test_an_outcome_is_told_whatever_has_gone_since(alice: Owner, connections: Connections, kind: str) -> None:
    method, name, body = REPEATS[kind]
    path = f"/api/chat/{name}"
    options = {"json": body} if body else {}
    assert alice.call(method, path, headers={HEADER: "outra"}, **options).json["success"] is False
    said = json.dumps(body, sort_keys=True).encode() if body else b""
    reference = uncertain(connections, alice, f"{method} {path}", hashlib.sha256(said).hexdigest())
    answer = alice.call(method, path, headers=KEY, **options)
    assert (answer.status_code, answer.json.get("reference")) == (504, reference), answer.text
    assert count(connections) == 1


def test_these_are_all_the_routes_that_take_a_key(alice: Owner) -> None:
    paths = alice.get("/openapi.json").json["paths"]
    taking = {
        (method.upper(), path.removeprefix("/api/chat/").replace("{message_id}", "NINGUEM"))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method != "parameters"
        and any(parameter.get("name") == HEADER for parameter in operation.get("parameters", ()))
    }
    assert taking == {(method, name) for method, name, _ in REPEATS.values()}


@pytest.mark.parametrize("content_type", ["application/json", *FORMS])
def test_a_file_is_fetched_for_the_first_request_only(
    paired: Owner, connections: Connections, shelf: Shelf, content_type: str
) -> None:
    body = {"to": TO, "image": shelf.url, "useQueue": "true"}
    given = json.dumps(body) if content_type == "application/json" else body

    def post() -> Any:
        return paired.post("/api/chat/send-image", data=given, content_type=content_type, headers=KEY)

    first = post()
    assert first.status_code == 200, first.text
    shelf.has_it = False
    link(connections, False)
    assert post().json == first.json
    assert (shelf.asked, count(connections)) == (1, 1)


def test_bulk_is_prepared_for_the_first_request_only(paired: Owner, connections: Connections, shelf: Shelf) -> None:
    body = {"messages": [{"type": "image", "to": TO, "image": shelf.url}] * 3}
    first = paired.post("/api/chat/send-bulk", json=body, headers=KEY)
    assert first.status_code == 200, first.text
    shelf.has_it = False
    assert paired.post("/api/chat/send-bulk", json=body, headers=KEY).json == first.json
    assert (shelf.asked, count(connections)) == (3, 3)


def test_what_fails_because_the_same_request_was_faster_has_its_answer(
    paired: Owner, connections: Connections, shelf: Shelf
) -> None:
    """The URL is good for one download, and the other request gets it."""
    client = paired.client.application.test_client()
    body = {"to": TO, "image": shelf.url, "useQueue": True}
    faster: list[Any] = []

    def post(who: Owner) -> Any:
        return who.post("/api/chat/send-image", json=body, headers=KEY)

    other = Owner(client, {"apikey": paired.key, "id": paired.id, "name": paired.name})
    shelf.meanwhile = lambda: faster.append(post(other))
    slower = post(paired)
    assert (slower.status_code, slower.json) == (200, faster[0].json)
    assert (shelf.asked, count(connections)) == (2, 1)


def test_an_uploaded_file_is_known_by_its_content_and_name(paired: Owner, connections: Connections) -> None:
    def post(content: bytes, name: str = "a.pdf") -> Any:
        body = {"to": TO, "useQueue": "true", "fileName": "contrato.pdf", "document": (io.BytesIO(content), name)}
        return paired.post("/api/chat/send-document", data=body, content_type="multipart/form-data", headers=KEY)

    first = post(samples.PDF)
    assert first.status_code == 200, first.text
    link(connections, False)
    assert post(samples.PDF).json == first.json
    for other in (post(samples.PDF + b"\n"), post(samples.PDF, "b.pdf")):
        assert other.status_code == 400 and other.json["message"].startswith(HEADER)
    assert count(connections) == 1


def test_what_was_refused_leaves_the_key_free(paired: Owner, connections: Connections, shelf: Shelf) -> None:
    shelf.has_it = False
    for refused in ({"to": "abc"}, {"image": shelf.url}, {"quoted": "NINGUEM"}):
        body = {"to": TO, "image": "data:image/jpeg;base64,AAAA", "useQueue": True, **refused}
        assert paired.post("/api/chat/send-image", json=body, headers=KEY).status_code == 400, refused
    shelf.has_it = True
    body = {"to": TO, "image": shelf.url, "useQueue": True}
    assert paired.post("/api/chat/send-image", json=body, headers=KEY).status_code == 200
    assert count(connections) == 1
