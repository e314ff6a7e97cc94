"""Files between real sessions and phones: encrypted, uploaded over TLS, fetched, checked."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox import media_files
from sandbox.media_keys import DamagedFile, Sealed, encrypt_pieces, open_file
from sandbox.protobufs import e2e
from tests.sandbox.conftest import NewPhone
from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused

KINDS: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "image": ("MediaImage", "imageMessage", e2e.ImageMessage, {"caption": "olha", "width": 3, "height": 4}),
    "video": ("MediaVideo", "videoMessage", e2e.VideoMessage, {"caption": "veja", "seconds": 7}),
    "audio": ("MediaAudio", "audioMessage", e2e.AudioMessage, {"seconds": 2, "PTT": True, "waveform": bytes(64)}),
    "document": ("MediaDocument", "documentMessage", e2e.DocumentMessage, {"fileName": "a.bin", "pageCount": 2}),
    "sticker": ("MediaImage", "stickerMessage", e2e.StickerMessage, {"width": 512, "height": 512}),
}
DETAILS = {
    "image": {"width": 3, "height": 4},
    "video": {"seconds": 7, "gifPlayback": False},
    "audio": {"seconds": 2, "ptt": True, "waveform": 64},
    "document": {"pageCount": 2},
    "sticker": {"width": 512, "height": 512, "animated": False},
}


def upload(session: ClientProcess, kind: str, data: bytes, folder: Path) -> dict[str, Any]:
    """Let the session upload a file; the fields by which a message refers to it."""
    path = folder / "file"
    path.write_bytes(data)
    sent: dict[str, Any] = session.ask("upload", path=str(path), kind=KINDS[kind][0])
    return sent | {name: bytes.fromhex(sent[name]) for name in ("mediaKey", "fileSHA256", "fileEncSHA256")}


def send_file(session: ClientProcess, to: str, kind: str, reference: dict[str, Any], **fields: Any) -> str:
    _, field, content_class, particulars = KINDS[kind]
    content = content_class(mimetype=f"{kind}/test", **reference, **(particulars | fields))
    message = e2e.Message(**{field: content}).SerializeToString()
    return str(session.ask("send_message", to=to, message=base64.b64encode(message).decode()))


def stored_file(network: NetworkProcess, reference: dict[str, Any]) -> Path:
    return network.data_dir / "sandbox" / "media" / str(reference["fileEncSHA256"].hex())


@pytest.mark.parametrize("size", [1, 16, 100_003])
@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_reads_a_file_of_every_kind(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, tmp_path: Path, kind: str, size: int
) -> None:
    bob, data = new_phone("Bob"), os.urandom(size)
    id = send_file(alice_session, bob, kind, upload(alice_session, kind, data, tmp_path))
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["id"], shown["type"], shown["mimetype"]) == (id, KINDS[kind][1], f"{kind}/test")
    assert (shown["size"], shown["sha256"]) == (size, hashlib.sha256(data).hexdigest())
    assert shown["details"] == DETAILS[kind]
    assert shown["caption"] == KINDS[kind][3].get("caption")
    assert shown["fileName"] == KINDS[kind][3].get("fileName")


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_reads_a_file_of_every_kind(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str, kind: str
) -> None:
    bob, data = new_phone("Bob"), os.urandom(5000)
    sent = network.ask(
        "phone.send",
        numero=bob,
        to=alice,
        type=kind,
        data=base64.b64encode(data).decode(),
        fileName="nota.pdf",
        caption="legenda",
    )
    assert (sent["size"], sent["sha256"]) == (5000, hashlib.sha256(data).hexdigest())
    got = alice_session.wait("Message", message_id=sent["id"])
    assert got["type"] == "media"
    assert alice_session.ask("download", message_id=sent["id"]) == {"size": 5000, "sha256": sent["sha256"]}


def test_a_file_of_64_mb_goes_both_ways(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str, tmp_path: Path
) -> None:
    bob, size = new_phone("Bob"), 64 << 20
    sent = network.ask("phone.send", numero=bob, to=alice, type="document", size=size, fileName="grande.bin")
    alice_session.wait("Message", message_id=sent["id"])
    assert alice_session.ask("download", message_id=sent["id"]) == {"size": size, "sha256": sent["sha256"]}
    data = os.urandom(1 << 20) * 64
    send_file(alice_session, bob, "document", upload(alice_session, "document", data, tmp_path))
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["size"], shown["sha256"]) == (size, hashlib.sha256(data).hexdigest())


def test_what_arrives_during_a_download_is_shown_after_it(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, tmp_path: Path
) -> None:
    bob = new_phone("Bob")
    reference = upload(alice_session, "document", bytes(16 << 20), tmp_path)
    first = send_file(alice_session, bob, "document", reference)
    second = alice_session.send(bob, "depois")["id"]
    assert [shown["id"] for shown in network.wait_inbox(bob, 2)] == [first, second]


def test_a_damaged_and_a_missing_file_are_shown_as_such(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, tmp_path: Path
) -> None:
    bob = new_phone("Bob")
    damaged = upload(alice_session, "image", os.urandom(1000), tmp_path)
    path = stored_file(network, damaged)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    send_file(alice_session, bob, "image", damaged)
    missing = upload(alice_session, "image", os.urandom(1000), tmp_path)
    stored_file(network, missing).unlink()
    send_file(alice_session, bob, "image", missing)
    wrong = upload(alice_session, "image", os.urandom(1000), tmp_path)
    send_file(alice_session, bob, "image", wrong | {"fileSHA256": bytes(32)})
    shown = network.wait_inbox(bob, 3)
    assert [(one["size"], one["sha256"]) for one in shown] == [(None, None)] * 3
    assert [one["details"]["error"] for one in shown] == ["media_damaged", "media_unavailable", "media_damaged"]


def test_a_session_cannot_fetch_what_has_expired(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    sent = network.ask("phone.send", numero=bob, to=alice, type="image", data=base64.b64encode(b"x" * 99).decode())
    got = alice_session.wait("Message", message_id=sent["id"])
    content = e2e.Message.FromString(base64.b64decode(got["message"])).imageMessage
    stored_file(network, {"fileEncSHA256": content.fileEncSHA256}).unlink()
    with pytest.raises(RuntimeError, match="404"):
        alice_session.ask("download", message_id=sent["id"])


def test_media_faults_strike_uploads(
    network: NetworkProcess, alice_session: ClientProcess, alice: str, tmp_path: Path
) -> None:
    network.ask("fault.set", numero=alice, kind="media", code=507, count=1)
    with pytest.raises(RuntimeError, match="507"):
        upload(alice_session, "image", b"abc", tmp_path)
    assert upload(alice_session, "image", b"abc", tmp_path)["fileLength"] == 3
    with pytest.raises(Refused, match="code"):
        network.ask("fault.set", numero=alice, kind="media", code=200)


def test_the_server_takes_nothing_from_strangers_and_no_wrong_hashes(
    network: NetworkProcess, alice_session: ClientProcess, tmp_path: Path
) -> None:
    reference = upload(alice_session, "image", b"abc", tmp_path)
    host = reference["URL"].split("/")[2]
    context = ssl.create_default_context(cafile=network.authorities)
    connection = http.client.HTTPSConnection(host, context=context, timeout=10)
    token = base64.urlsafe_b64encode(hashlib.sha256(b"file").digest()).decode()
    connection.request("POST", f"/mms/image/{token}?auth=5511.00&token={token}", b"file")
    assert connection.getresponse().status == 401
    connection.close()
    for path in ("/v/../network.sqlite3", "/v/%2e%2e/network.sqlite3", "/v/00", "/elsewhere"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (404, {})
    connection.request("GET", reference["directPath"])
    assert len(connection.getresponse().read()) == 16 + 10
    connection.close()


def test_files_and_links_survive_a_restart(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, tmp_path: Path
) -> None:
    bob, data = new_phone("Bob"), os.urandom(3000)
    reference = upload(alice_session, "image", data, tmp_path)
    network.stop()
    network.start()
    alice_session.wait("Connected")
    send_file(alice_session, bob, "image", reference)
    [shown] = network.wait_inbox(bob, 1)
    assert shown["sha256"] == hashlib.sha256(data).hexdigest()
    # The word that lets a device upload is still good, and so is the certificate.
    assert upload(alice_session, "image", b"more", tmp_path)["URL"].split("/")[2] == reference["URL"].split("/")[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "image"},
        {"type": "image", "data": "não é base64"},
        {"type": "document", "data": "AAAA"},
        {"type": "image", "size": 0},
        {"type": "image", "size": 1 << 40},
        {"type": "audio", "data": "AAAA", "ptt": "sim"},
        {"type": "fax"},
    ],
)
def test_wrong_files_are_refused(network: NetworkProcess, new_phone: NewPhone, wrong: dict[str, Any]) -> None:
    bob = new_phone("Bob")
    with pytest.raises(Refused) as refused:
        network.ask("phone.send", numero=bob, to=new_phone("Ana"), **wrong)
    assert refused.value.status == 400


def test_encryption_notices_every_damage(tmp_path: Path) -> None:
    path, info = tmp_path / "file", b"WhatsApp Image Keys"
    with path.open("wb") as file:
        sealed = encrypt_pieces(iter([b"a" * 1000, b"b" * 500]), file, info)
    good = path.read_bytes()
    assert open_file(path, sealed, info).size == 1500
    damages = [good[:-1] + bytes([good[-1] ^ 1]), bytes([good[0] ^ 1]) + good[1:], good[:-16], b"", good[:10]]
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile):
            open_file(path, sealed, info)
    path.write_bytes(good)
    with pytest.raises(DamagedFile):
        open_file(path, sealed, b"WhatsApp Video Keys")
    with pytest.raises(DamagedFile):
        open_file(path, Sealed(sealed.media_key, sealed.sha256, sealed.enc_sha256, 1499), info)


def test_the_shelf_gives_up_what_is_old_and_what_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_files, "LARGEST_SHELF", 2500)
    now = time.time()
    for name, age in (("a", media_files.KEPT_SECONDS + 1), ("b", 300), ("c", 200), ("d", 100)):
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "e.part").write_bytes(b"left over")
    shelf = media_files.MediaFiles(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "d"]
    assert shelf.find("c") == tmp_path / "c"
    assert shelf.find("b") is None and shelf.find("../c") is None
