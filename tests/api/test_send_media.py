"""Sends with a file, as far as the outbox: every way of handing it in, every refusal."""

import base64
import hashlib
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flashapi.app import create_app
from flashapi.models.outbox import outbox
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session, write
from tests.support import samples
from workers.migrations import migrate

TO = "5599999999999"
KINDS = {
    "image": (samples.picture(), "image/jpeg", {}),
    "video": (samples.film(), "video/mp4", {}),
    "audio": (samples.sound("mp3", "libmp3lame"), "audio/mpeg", {}),
    "document": (samples.PDF, "application/pdf", {"fileName": "contrato.pdf"}),
    "sticker": (samples.picture("WEBP"), "image/webp", {}),
}
MISSING = {
    "image": "to e image são obrigatórios",
    "video": "to e video são obrigatórios",
    "audio": "to e audio são obrigatórios",
    "document": "to, document e fileName são obrigatórios",
    "sticker": "to e sticker são obrigatórios",
}
QUEUED = {
    "image": "Imagem adicionada à fila",
    "video": "Vídeo adicionado à fila",
    "audio": "Áudio adicionado à fila",
    "document": "Documento adicionado à fila",
    "sticker": "Sticker adicionado à fila",
}


class FileServer(http.server.BaseHTTPRequestHandler):
    """Serves `files` by path."""

    files: dict[str, bytes] = {}

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/image")
            self.end_headers()
            return
        content = self.files.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Type", "text/plain")  # what a server says is not believed
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    """The address of a server that has a file of each kind."""
    FileServer.files = {f"/{kind}": content for kind, (content, _, _) in KINDS.items()}
    FileServer.files["/large"] = b"\xff\xd8\xff" + bytes(300_000)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FileServer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, allow_private_urls=True)


@pytest.fixture
def sender(backend: Backend, alice: Owner) -> Owner:
    """alice, paired once, so that her queue takes messages."""
    write(backend, alice.id, paired=True)
    return alice


def payload_of(backend: Backend, answer: Any) -> dict[str, Any]:
    with backend.connections.reading() as connection:
        row = connection.execute(sa.select(outbox).where(outbox.c.id == int(answer.json["data"]["id"]))).one()
    assert row.action.startswith("send_")
    loaded: dict[str, Any] = json.loads(row.payload)
    return loaded


def ways(kind: str, files: str) -> Iterator[dict[str, Any]]:
    content, mimetype, beside = KINDS[kind]
    body = {"to": TO, "useQueue": True, **beside}
    encoded = base64.b64encode(content).decode()
    wrapped = "\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))
    yield {"json": {**body, kind: f"{files}/{kind}"}}
    yield {"json": {**body, kind: f"data:{mimetype};base64,{encoded}"}}
    yield {"json": {**body, kind: encoded}}
    yield {"json": {**body, kind: wrapped}}
    yield {"data": {**body, kind: encoded}, "content_type": "application/x-www-form-urlencoded"}
    yield {"data": {**body, kind: (io.BytesIO(content), "qualquer.bin")}, "content_type": "multipart/form-data"}
    yield {"data": {**body, kind: f"{files}/{kind}"}, "content_type": "multipart/form-data"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_handing_a_file_in(backend: Backend, sender: Owner, files: str, kind: str) -> None:
    content, mimetype, _ = KINDS[kind]
    for options in ways(kind, files):
        answer = sender.post(f"/api/chat/send-{kind}", **options)
        assert answer.status_code == 200, answer.text
        assert answer.json["message"] == QUEUED[kind]
        media = payload_of(backend, answer)["media"]
        assert media["mimetype"] == mimetype
        assert (media["size"], media["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert backend.spool.path(media["spool"]).read_bytes() == content
    assert not [name for name in os.listdir(backend.settings.media_dir) if name.endswith(".part")]


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_fields_the_contracts_sentence(sender: Owner, kind: str) -> None:
    for body in ({}, {"to": TO}, {kind: "x", "fileName": "x"}, {"to": TO, kind: "", "fileName": "x"}):
        answer = sender.post(f"/api/chat/send-{kind}", json=body)
        assert (answer.status_code, answer.json["message"]) == (400, MISSING[kind]), body


@pytest.mark.parametrize(
    "value",
    ["/etc/passwd", "file:///etc/passwd", "../../etc/passwd", "./foto.png", "C:\\fotos\\a.png", "~/a.png", "ftp://a/b",
     "data:image/png;base64,%%%", "não é base64", "data:,", "AAAA=BBB", 17, ["x"], {"url": "/etc/passwd"}],
)  # fmt: skip
def test_paths_and_nonsense_are_refused(backend: Backend, sender: Owner, value: Any) -> None:
    body = {"to": TO, "document": value, "fileName": "a", "useQueue": True}
    answer = sender.post("/api/chat/send-document", json=body)
    assert answer.status_code == 400, answer.text
    assert "document" in answer.json["message"]
    assert not backend.settings.media_dir.exists() or os.listdir(backend.settings.media_dir) == []


def test_a_lie_about_the_type_is_refused_or_corrected(backend: Backend, sender: Owner) -> None:
    def send(kind: str, content: bytes, **beside: Any) -> Any:
        encoded = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        return sender.post(f"/api/chat/send-{kind}", json={"to": TO, "useQueue": True, kind: encoded, **beside})

    refused = send("image", samples.PDF)
    assert refused.status_code == 400
    assert refused.json["message"].startswith("image: o conteúdo (application/pdf)")
    refused = send("document", samples.picture("PNG"), fileName="a.pdf", mimetype="application/pdf")
    assert refused.status_code == 400
    assert refused.json["message"] == "mimetype: o conteúdo do arquivo não é application/pdf"
    assert os.listdir(backend.settings.media_dir) == []
    corrected = send("image", samples.picture("JPEG"))
    assert payload_of(backend, corrected)["media"]["mimetype"] == "image/jpeg"
    corrected = send("document", samples.PDF, fileName="a.png")
    assert payload_of(backend, corrected)["media"]["mimetype"] == "application/pdf"


def test_a_url_that_has_no_file(sender: Owner, files: str) -> None:
    def send(url: str) -> Any:
        return sender.post("/api/chat/send-image", json={"to": TO, "image": url, "useQueue": True})

    missing = send(f"{files}/nothing")
    assert (missing.status_code, missing.json["message"]) == (400, "image: a URL respondeu com o status 404")
    away = send("http://127.0.0.1:9/foto.jpg")
    assert away.status_code == 502
    assert away.json["message"].startswith("image: ")
    assert send(f"{files}/moved").status_code == 200


def test_private_addresses_are_not_fetched_from(settings: Settings, files: str) -> None:
    migrate(settings)
    guarded = create_app(replace(settings, allow_private_urls=False))
    root = Caller(guarded.test_client(), settings.global_api_key)
    owner = own_session(root, "alice-guardada")
    write(guarded.extensions["flashapi"], owner.id, paired=True)
    answer = owner.post("/api/chat/send-image", json={"to": TO, "image": f"{files}/image", "useQueue": True})
    assert answer.status_code == 400
    assert answer.json["message"].startswith("image: URL não permitida")
    guarded.extensions["flashapi"].connections.close()


@pytest.fixture
def small(settings: Settings) -> Iterator[tuple[Flask, Owner]]:
    """An installation where files have at most 200,000 bytes and JSON bodies 50,000, and its owner."""
    limited = replace(settings, media_limit_bytes=200_000, body_limit_bytes=50_000)
    migrate(limited)
    app = create_app(limited)
    owner = own_session(Caller(app.test_client(), limited.global_api_key), "alice-limitada")
    write(app.extensions["flashapi"], owner.id, paired=True)
    yield app, owner
    app.extensions["flashapi"].connections.close()


def test_limits_of_each_way(small: tuple[Flask, Owner], files: str) -> None:
    app, owner = small
    body = {"to": TO, "useQueue": True}

    def upload(size: int) -> Any:
        fields = {"to": TO, "useQueue": "true", 'image"; filename="a.jpg': samples.picture().decode("latin-1")}
        heads = (f"--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n" for name in fields)
        parts = [head + value for head, value in zip(heads, fields.values(), strict=True)]
        data = "\r\n".join(parts).encode("latin-1") + bytes(size) + b"\r\n--x--\r\n"
        return owner.post("/api/chat/send-image", data=data, content_type="multipart/form-data; boundary=x")

    assert owner.post("/api/chat/send-image", json={**body, "image": "A" * 60_000}).status_code == 413
    assert upload(100_000).status_code == 200, "larger than a JSON body may be"
    assert upload(250_000).status_code == 413
    assert upload(2_000_000).status_code == 413
    fetched = owner.post("/api/chat/send-image", json={**body, "image": f"{files}/large"})
    assert fetched.status_code in (413, 502)
    assert fetched.json["message"].startswith("image: ")
    kept = os.listdir(app.extensions["flashapi"].settings.media_dir)
    assert len(kept) == 1 and kept[0].startswith("out_")


def test_a_direct_send_without_a_connection_spools_nothing(backend: Backend, alice: Owner, files: str) -> None:
    answer = alice.post("/api/chat/send-image", json={"to": TO, "image": f"{files}/image"})
    assert (answer.status_code, answer.json["message"]) == (400, "Sessão não está conectada")
    assert not backend.settings.media_dir.exists()


def test_a_refused_send_leaves_no_file(backend: Backend, sender: Owner, files: str) -> None:
    body = {"to": TO, "image": f"{files}/image", "useQueue": True, "quoted": "NADA"}
    assert sender.post("/api/chat/send-image", json=body).status_code == 400
    assert os.listdir(backend.settings.media_dir) == []


def test_the_file_of_no_message(sender: Owner) -> None:
    answer = sender.get("/api/chat/media/NADA")
    assert (answer.status_code, answer.json["message"]) == (404, "Mensagem não encontrada")
