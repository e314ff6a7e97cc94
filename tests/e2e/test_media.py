"""Files out and in: what the other side has is, byte for byte, what was sent or what the answer says was sent."""

import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.support import samples
from tests.support.files import FileServer
from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener, WebhookReceiver
from tests.support.servers import wait_until


@dataclass(frozen=True)
class Sample:
    """A file of a kind, what it is sent as, and what the phone shows of it."""

    content: bytes
    mimetype: str
    type: str
    body: dict[str, Any]
    details: dict[str, Any]
    converted: bool = False


KINDS = {
    "image": Sample(samples.picture(), "image/jpeg", "imageMessage", {"caption": "Veja só"},
                    {"width": 320, "height": 200}),
    "image-png": Sample(samples.picture("PNG"), "image/png", "imageMessage", {}, {"width": 320, "height": 200}),
    "video": Sample(samples.film(), "video/mp4", "videoMessage", {"caption": "Um filme", "gifPlayback": True},
                    {"width": 320, "height": 180, "seconds": 2, "gifPlayback": True}),
    "audio": Sample(samples.sound("mp3", "libmp3lame"), "audio/mpeg", "audioMessage", {},
                    {"seconds": 3, "ptt": False}),
    "audio-wav": Sample(samples.sound(), "audio/ogg; codecs=opus", "audioMessage", {}, {"seconds": 3}, converted=True),
    "audio-ptt": Sample(samples.sound("mp3", "libmp3lame"), "audio/ogg; codecs=opus", "audioMessage", {"ptt": True},
                        {"seconds": 3, "ptt": True, "waveform": 64}, converted=True),
    "audio-voice": Sample(samples.sound("ogg", "libopus", "mono"), "audio/ogg; codecs=opus", "audioMessage",
                          {"ptt": True}, {"seconds": 3, "ptt": True, "waveform": 64}),
    "document": Sample(samples.PDF, "application/pdf", "documentMessage",
                       {"fileName": "contrato.pdf", "mimetype": "application/pdf", "caption": "Assine"},
                       {"title": "contrato.pdf"}),
    "sticker": Sample(samples.picture("WEBP", (512, 512)), "image/webp", "stickerMessage", {},
                      {"width": 512, "height": 512, "animated": False}),
    "sticker-moving": Sample(samples.moving_picture("WEBP"), "image/webp", "stickerMessage", {}, {"animated": True}),
    "sticker-gif": Sample(samples.moving_picture("GIF"), "image/webp", "stickerMessage", {},
                          {"width": 512, "height": 512, "animated": True}, converted=True),
    "sticker-png": Sample(samples.picture("PNG"), "image/webp", "stickerMessage", {},
                          {"width": 512, "height": 512, "animated": False}, converted=True),
}  # fmt: skip
WITH_THUMBNAIL = ("imageMessage", "videoMessage")


@dataclass
class Cast:
    """Alice's session, listening, and her friend Bob with his phone."""

    installation: Installation
    session: Session
    alice: Phone
    bob: Phone
    socket: SocketListener
    files: FileServer

    def post(self, field: str, **request: Any) -> requests.Response:
        """POST send-<field>, in whatever form."""
        url = f"{self.installation.base}/api/chat/send-{field}"
        return self.installation.http.post(url, headers={"apikey": self.session.key}, timeout=120, **request)

    def shown(self, message_id: str) -> dict[str, Any]:
        """What Bob's phone shows of a message, once it is there."""
        return self._entry(lambda entry: bool(entry["id"] == message_id), message_id)

    def shown_with_caption(self, caption: str) -> dict[str, Any]:
        """The same, of a message whose id isn't known."""
        return self._entry(lambda entry: bool(entry["caption"] == caption), caption)

    def _entry(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        found = wait_until(lambda: [entry for entry in self.bob.inbox() if wanted(entry)], f"bob shows {what}")
        return dict(found[0])  # type: ignore[index]

    def received(self, message_id: str) -> dict[str, Any]:
        """The data of the session's `message_received` of this message."""
        frame = self.socket.wait_event("message_received", lambda data: data["id"] == message_id)
        return dict(frame["data"])

    def download(self, message_id: str, **headers: str) -> requests.Response:
        """GET the file of a message."""
        url = f"{self.installation.base}/api/chat/media/{message_id}"
        return self.installation.http.get(url, headers={"apikey": self.session.key, **headers}, timeout=60)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    folder = tmp_path_factory.mktemp("installation")
    environ = {"ALLOW_PRIVATE_URLS": "true", "RATE_LIMIT_MAX_REQUESTS": "100000"}
    with Installation(folder, environ) as installation, FileServer() as files:
        installation.start()
        alice, bob = installation.phone("5511966660001", "Alice"), installation.phone("5511966660002", "Bob")
        session = installation.paired("arquivos", alice)
        with SocketListener(installation.base, session.key, events=["message_received"]) as socket:
            yield Cast(installation, session, alice, bob, socket, files)


def requests_of(cast: Cast, field: str, sample: Sample, way: str) -> dict[str, Any]:
    """The request that hands the sample in this way."""
    body = {"to": cast.bob.number, **sample.body}
    encoded = base64.b64encode(sample.content).decode()
    match way:
        case "url":
            return {"json": {**body, field: cast.files.put(sample.content)}}
        case "data-url":
            return {"json": {**body, field: f"data:{sample.mimetype.split(';')[0]};base64,{encoded}"}}
        case "base64":
            return {"json": {**body, field: encoded}}
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in body.items()}
    return {"data": texts, "files": {field: ("arquivo", sample.content)}}


@pytest.mark.parametrize("way", ["url", "data-url", "base64", "upload"])
@pytest.mark.parametrize("name", KINDS)
def test_what_the_phone_has_is_what_was_sent(cast: Cast, name: str, way: str) -> None:
    sample, field = KINDS[name], name.split("-")[0]
    answer = cast.post(field, **requests_of(cast, field, sample, way))
    assert answer.status_code == 200, answer.text
    sent = answer.json()["data"]
    assert sent["media"]["mimetype"] == sample.mimetype
    if sample.converted:
        assert sent["media"]["sha256"] != hashlib.sha256(sample.content).hexdigest()
    else:
        assert sent["media"]["sha256"] == hashlib.sha256(sample.content).hexdigest()
        assert sent["media"]["size"] == len(sample.content)
    shown = cast.shown(sent["id"])
    assert shown["type"] == sample.type
    assert (shown["sha256"], shown["size"]) == (sent["media"]["sha256"], sent["media"]["size"])
    assert shown["mimetype"] == sample.mimetype
    assert {key: shown["details"].get(key) for key in sample.details} == sample.details
    assert (shown["caption"] or "") == sample.body.get("caption", "")
    assert (shown["fileName"] or "") == sample.body.get("fileName", "")
    if sample.type in WITH_THUMBNAIL:
        assert shown["details"]["thumbnail"] > 0


@pytest.mark.parametrize("name", ["image", "video", "document"])
def test_through_the_queue(cast: Cast, name: str) -> None:
    sample, caption = KINDS[name], f"pela fila {time.monotonic_ns()}"
    request = requests_of(cast, name, sample, "upload")
    request["data"] |= {"caption": caption, "useQueue": "true"}
    answer = cast.post(name, **request)
    assert answer.json()["data"]["queued"] is True, answer.text
    assert cast.shown_with_caption(caption)["sha256"] == hashlib.sha256(sample.content).hexdigest()
    folder = cast.installation.data_dir / "media"
    wait_until(lambda: not list(folder.glob("out_*")), "the spool holds nothing that was sent")


def test_mentions_and_an_answer_go_with_a_file(cast: Cast) -> None:
    first = cast.session.send(cast.bob.number, "veja")
    encoded = base64.b64encode(samples.picture()).decode()
    body = {"to": cast.bob.number, "image": encoded, "quoted": first["id"], "mentions": [cast.bob.number]}
    shown = cast.shown(cast.post("image", json=body).json()["data"]["id"])
    assert shown["quoted"] == first["id"]
    assert shown["mentions"] == [cast.bob.jid] or shown["mentions"] == [cast.bob.lid]


def test_a_damaged_file_is_refused(cast: Cast) -> None:
    damaged = base64.b64encode(samples.picture("PNG")[:400]).decode()
    answer = cast.post("image", json={"to": cast.bob.number, "image": damaged})
    assert (answer.status_code, answer.json()["message"]) == (400, "image: a imagem está danificada")
    assert not list((cast.installation.data_dir / "media").glob("out_*"))


@pytest.mark.parametrize(
    ("type", "fields", "expected"),
    [
        ("image", {"mimetype": "image/jpeg", "caption": "Olha", "width": 320, "height": 200},
         {"caption": "Olha", "width": 320, "height": 200}),
        ("video", {"mimetype": "video/mp4", "seconds": 7}, {"seconds": 7}),
        ("audio", {"mimetype": "audio/ogg; codecs=opus", "ptt": True, "seconds": 4}, {"ptt": True, "seconds": 4}),
        ("document", {"mimetype": "application/pdf", "fileName": "nota fiscal.pdf"}, {"fileName": "nota fiscal.pdf"}),
        ("sticker", {"mimetype": "image/webp"}, {}),
    ],
)  # fmt: skip
def test_a_received_file(cast: Cast, type: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    content = samples.picture() if type != "document" else samples.PDF
    sent = cast.bob.do("send", to=cast.alice.number, type=type, data=base64.b64encode(content).decode(), **fields)
    digest = hashlib.sha256(content).hexdigest()
    assert sent["sha256"] == digest
    data = cast.received(sent["id"])
    told = {"mimetype": fields["mimetype"], "size": len(content), "sha256": digest, **expected}
    assert {name: data[name] for name in told} == told
    for _ in range(2):  # from WhatsApp, then from the spool
        answer = cast.download(sent["id"])
        assert answer.status_code == 200, answer.text
        assert answer.content == content
        assert answer.headers["Content-Type"].split(";")[0] == fields["mimetype"].split(";")[0]
        assert int(answer.headers["Content-Length"]) == len(content)
    if type == "document":
        assert answer.headers["Content-Disposition"] == 'attachment; filename="nota fiscal.pdf"'
    part = cast.download(sent["id"], Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, content[10:20])


def test_a_sent_file_can_be_fetched_back(cast: Cast) -> None:
    content = samples.picture()
    sent = cast.post("image", files={"image": io.BytesIO(content)}, data={"to": cast.bob.number}).json()["data"]
    assert cast.download(sent["id"]).content == content


def test_messages_without_files_and_messages_of_others(cast: Cast) -> None:
    text = cast.session.send(cast.bob.number, "só texto")
    answer = cast.download(text["id"])
    assert (answer.status_code, answer.json()["message"]) == (404, "Esta mensagem não tem arquivo")
    assert cast.download("NADA").status_code == 404


def test_a_file_that_whatsapp_has_no_more(cast: Cast) -> None:
    sent = cast.bob.do("send", to=cast.alice.number, type="image", data=base64.b64encode(samples.picture()).decode())
    cast.received(sent["id"])
    for file in (cast.installation.data_dir / "sandbox" / "media").iterdir():
        file.unlink()
    answer = cast.download(sent["id"])
    assert (answer.status_code, answer.json()["success"]) == (410, False), answer.text


def test_a_large_file_both_ways(cast: Cast) -> None:
    content = bytes(range(256)) * (64 * 4096)
    digest = hashlib.sha256(content).hexdigest()
    files = {"document": ("grande.bin", content)}
    answer = cast.post("document", files=files, data={"to": cast.bob.number, "fileName": "grande.bin"})
    assert answer.status_code == 200, answer.text
    sent = answer.json()["data"]
    assert (sent["media"]["size"], sent["media"]["sha256"]) == (64 * 1024 * 1024, digest)
    assert cast.shown(sent["id"])["sha256"] == digest
    made = cast.bob.do("send", to=cast.alice.number, type="document", size=64 * 1024 * 1024, fileName="grande.bin")
    cast.received(made["id"])
    fetched = cast.download(made["id"])
    assert hashlib.sha256(fetched.content).hexdigest() == made["sha256"]


def test_a_json_body_over_its_limit(cast: Cast) -> None:
    answer = cast.post("document", json={"to": cast.bob.number, "document": "A" * 12_000_000, "fileName": "a"})
    assert (answer.status_code, answer.json()["success"]) == (413, False)


def test_files_inside_events_for_sessions_that_ask(cast: Cast) -> None:
    content = samples.picture()
    encoded = base64.b64encode(content).decode()
    with WebhookReceiver() as webhook:
        cast.session.api("PUT", "/api/config/webhook", {"webhookUrl": webhook.url, "status_webhook": True})
        for wanted in (True, False):
            changed = cast.session.api("PUT", "/api/config/config", {"mediaBase64": wanted})
            assert changed["data"]["currentConfig"]["mediaBase64"] is wanted
            sent = cast.bob.do("send", to=cast.alice.number, type="image", data=encoded, mimetype="image/jpeg")
            data = cast.received(sent["id"])
            told = webhook.wait_event("message_received", lambda data, id=sent["id"]: data["id"] == id)["data"]
            for each in (data, told):
                image = each["message"]["message"]["imageMessage"]
                assert image.get("base64") == (encoded if wanted else None)
                assert image.get("dataUrl") == (f"data:image/jpeg;base64,{encoded}" if wanted else None)
        stored = cast.session.api("GET", f"/api/chat/messages/{sent['id']}")["data"]
        assert "base64" not in str(stored)


@pytest.mark.parametrize(("failures", "status"), [(1, 200), (9, 502)])
def test_an_upload_that_fails(cast: Cast, failures: int, status: int) -> None:
    fault = {"numero": cast.alice.number, "kind": "media", "code": 503, "count": failures}
    cast.installation.api("POST", "/api/sandbox/fault", fault)
    encoded = base64.b64encode(samples.picture()).decode()
    answer = cast.post("image", json={"to": cast.bob.number, "image": encoded})
    assert answer.status_code == status, answer.text
    cast.installation.api("DELETE", "/api/sandbox/fault")
    again = cast.post("image", json={"to": cast.bob.number, "image": encoded})
    assert again.status_code == 200, again.text
