"""What phones write and show, with contents as whatsmeow builds them."""

from __future__ import annotations

import hashlib

import pytest

from sandbox.descriptions import describe
from sandbox.messages import (
    InvalidContent,
    Message,
    amendment_in,
    decode,
    encode,
    for_own_devices,
    from_own_device,
    key_share,
    text_message,
)
from sandbox.protobufs import e2e

HASH = hashlib.sha256(b"file").digest()


def nothing_but(**fields: object) -> dict[str, object]:
    names = ("type", "text", "caption", "fileName", "mimetype", "size", "sha256", "quoted", "target")
    empty: dict[str, object] = dict.fromkeys(names)
    return empty | {"mentions": [], "details": {}} | fields


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (text_message("olá"), nothing_but(type="conversation", text="olá")),
        (
            e2e.Message(
                extendedTextMessage=e2e.ExtendedTextMessage(text="https://example.org"),
                messageContextInfo=e2e.MessageContextInfo(messageSecret=bytes(32)),
            ),
            nothing_but(type="extendedTextMessage", text="https://example.org"),
        ),
        (
            e2e.Message(
                senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(groupID="1@g.us"),
                imageMessage=e2e.ImageMessage(caption="look", mimetype="image/png", fileLength=4, fileSHA256=HASH),
            ),
            nothing_but(type="imageMessage", caption="look", mimetype="image/png", size=4, sha256=HASH.hex()),
        ),
        (
            e2e.Message(
                documentWithCaptionMessage=e2e.FutureProofMessage(
                    message=e2e.Message(documentMessage=e2e.DocumentMessage(fileName="a.pdf", caption="read"))
                )
            ),
            nothing_but(type="documentMessage", caption="read", fileName="a.pdf"),
        ),
        (
            e2e.Message(locationMessage=e2e.LocationMessage(degreesLatitude=1.0)),
            nothing_but(
                type="locationMessage",
                details={"latitude": 1.0, "longitude": 0.0, "name": None, "address": None},
            ),
        ),
    ],
)
def test_contents_are_shown(message: Message, shown: dict[str, object]) -> None:
    assert describe(decode(encode(message))) == shown


@pytest.mark.parametrize(
    "message",
    [
        e2e.Message(),
        e2e.Message(senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(groupID="1@g.us")),
        key_share([(b"\0\0\0\0\0\1", bytes(32))], timestamp=1),
    ],
)
def test_messages_between_devices_are_not_shown(message: Message) -> None:
    assert describe(message) is None
    assert amendment_in(message) is None


def test_amendments_are_recognised() -> None:
    revoke = e2e.ProtocolMessage(type=e2e.ProtocolMessage.REVOKE)
    revoke.key.ID = "3EB0"
    edit = e2e.ProtocolMessage(type=e2e.ProtocolMessage.MESSAGE_EDIT, editedMessage=text_message("better"))
    edit.key.ID = "3EB1"
    revoked = e2e.Message(protocolMessage=revoke)
    edited = e2e.Message(editedMessage=e2e.FutureProofMessage(message=e2e.Message(protocolMessage=edit)))

    found = amendment_in(revoked)
    assert found is not None and (found.kind, found.message_id, found.message) == ("revoke", "3EB0", None)
    assert describe(revoked) == nothing_but(type="protocolMessage", target="3EB0", details={"action": "revoke"})
    found = amendment_in(edited)
    assert found is not None and (found.kind, found.message_id) == ("edit", "3EB1")
    assert describe(edited) == nothing_but(
        type="protocolMessage", text="better", target="3EB1", details={"action": "edit"}
    )


def test_the_copy_for_own_devices_tells_the_chat() -> None:
    copy = decode(encode(for_own_devices(text_message("hello"), "5511999990001@s.whatsapp.net")))
    message, chat = from_own_device(copy)
    assert (message.conversation, chat) == ("hello", "5511999990001@s.whatsapp.net")
    assert from_own_device(message) == (message, None)


def test_padding_has_every_length_from_1_to_16() -> None:
    message = text_message("hello")
    size = message.ByteSize()
    assert {len(encode(message)) - size for _ in range(500)} == set(range(1, 17))


@pytest.mark.parametrize("plaintext", [b"", b"\x00", b"\x05\x05", b"abc\x02\x03\x03", b"\xff\xff\x01"])
def test_other_bytes_are_no_content(plaintext: bytes) -> None:
    with pytest.raises(InvalidContent):
        decode(plaintext)
