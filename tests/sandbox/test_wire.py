"""Binary nodes and the handshake, against each other and against bytes worked out by hand."""

from __future__ import annotations

import zlib

import pytest

from sandbox.jid import JID, SERVER
from sandbox.wire import MalformedNode, Node, decode, encode


@pytest.mark.parametrize(
    "node",
    [
        Node("ping"),
        Node("iq", {"id": "1", "from": SERVER, "to": JID("5511", "s.whatsapp.net")}),
        Node("message", {"from": JID("123", "lid", 7)}, [Node("enc", {"v": "2"}, b"\x00\x01"), Node("meta")]),
        Node("list", {}, [Node("key", {}, bytes(3)) for _ in range(812)]),
        Node("blob", {"text": "çã" * 200}, bytes(70_000)),
        Node("blob", {}, bytes(1 << 20)),
    ],
)
def test_nodes_come_back_as_they_went(node: Node) -> None:
    assert decode(encode(node)) == node


def test_what_clients_pack_is_unpacked() -> None:
    node = bytes(
        [0, 248, 8]  # a list of 8: tag, three attributes, content
        + [19]  # single-byte token "message"
        + [8, 255, 0x82, 0x12, 0x3F]  # id = "123" in nibbles, odd
        + [17, 247, 1, 3, 255, 0x02, 0x55, 0x11]  # to = 5511:3@lid
        + [4, 251, 0x01, 0xAB]  # type = "AB" in hexadecimal digits
        + [252, 2, 9, 9]
    )
    assert decode(node) == Node("message", {"id": "123", "to": JID("5511", "lid", 3), "type": "AB"}, b"\x09\x09")


def test_compressed_nodes_are_unpacked() -> None:
    plain = encode(Node("iq", {"id": "1"}))
    assert decode(b"\x02" + zlib.compress(plain[1:])) == Node("iq", {"id": "1"})


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\xf8", b"\0\xf8\x01", b"\0\xf8\x02\x13\xfc\x05ab", b"\x02abc", b"\0\xff"]
)
def test_broken_nodes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedNode):
        decode(data)
