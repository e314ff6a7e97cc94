"""Binary nodes: the XML-like stanzas of WhatsApp, to and from the bytes inside a frame.

The encoder writes raw strings only (a client accepts them everywhere); the decoder knows the token dictionaries.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.jid import JID, LID_SERVER, PHONE_SERVER

Value = str | JID

LIST_EMPTY, LIST_8, LIST_16 = 0, 248, 249
DICTIONARY_0, DICTIONARY_3 = 236, 239
AD_JID, JID_PAIR = 247, 250
HEX_8, BINARY_8, BINARY_20, BINARY_32, NIBBLE_8 = 251, 252, 253, 254, 255
COMPRESSED = 2  # bit of the flag byte in front of every node

# The byte of an AD-JID that stands for its server; 128 and 129 are their hosted forms.
DOMAINS = {PHONE_SERVER: 0, LID_SERVER: 1}
SERVERS = {0: PHONE_SERVER, 1: LID_SERVER, 128: "hosted", 129: "hosted.lid"}

PACKED_ALPHABETS = {NIBBLE_8: "0123456789-.\0\0\0\0", HEX_8: "0123456789ABCDEF"}

_tokens = json.loads((Path(__file__).with_name("wa-tokens-v3.json")).read_text())
SINGLE_TOKENS: list[str] = _tokens["single"]
DOUBLE_TOKENS: list[list[str]] = _tokens["double"]


class MalformedNode(ValueError):
    """Bytes that are no binary node."""


@dataclass(slots=True)
class Node:
    """A stanza: tag, attributes, and either children, bytes or nothing."""

    tag: str
    attrs: dict[str, Value] = field(default_factory=dict)
    content: list[Node] | bytes | None = None

    @property
    def children(self) -> list[Node]:
        return self.content if isinstance(self.content, list) else []

    @property
    def data(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else b""

    def child(self, *path: str) -> Node | None:
        """The first descendant along the path of tags, or None."""
        node = self
        for tag in path:
            for candidate in node.children:
                if candidate.tag == tag:
                    node = candidate
                    break
            else:
                return None
        return node

    def child_data(self, *path: str) -> bytes:
        """The bytes of the descendant along the path; empty when there is none."""
        node = self.child(*path)
        return node.data if node else b""

    def text(self, name: str, default: str = "") -> str:
        """An attribute as text."""
        value = self.attrs.get(name)
        return default if value is None else str(value)

    def jid(self, name: str) -> JID | None:
        """An attribute as an address; None when it is absent or no address."""
        value = self.attrs.get(name)
        if isinstance(value, JID) or value is None:
            return value
        try:
            return JID.parse(value)
        except ValueError:
            return None


def encode(node: Node) -> bytes:
    """The bytes of a node, flag byte included."""
    out = bytearray(b"\0")
    _write_node(out, node)
    return bytes(out)


def decode(data: bytes) -> Node:
    """The node in a decrypted frame. Raises MalformedNode."""
    if not data:
        raise MalformedNode("an empty frame")
    try:
        body = zlib.decompress(data[1:]) if data[0] & COMPRESSED else data[1:]
        return _Reader(body).node()
    except (IndexError, UnicodeDecodeError, zlib.error, RecursionError) as error:
        raise MalformedNode(str(error)) from error


def _write_node(out: bytearray, node: Node) -> None:
    _write_list_size(out, 1 + 2 * len(node.attrs) + (node.content is not None))
    _write_bytes(out, node.tag.encode())
    for name, value in node.attrs.items():
        _write_bytes(out, name.encode())
        if isinstance(value, JID):
            _write_jid(out, value)
        else:
            _write_bytes(out, value.encode())
    if isinstance(node.content, bytes):
        _write_bytes(out, node.content)
    elif node.content is not None:
        _write_list_size(out, len(node.content))
        for child in node.content:
            _write_node(out, child)


def _write_list_size(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(LIST_EMPTY)
    elif size < 256:
        out += bytes((LIST_8, size))
    else:
        out.append(LIST_16)
        out += size.to_bytes(2, "big")


def _write_bytes(out: bytearray, data: bytes) -> None:
    if len(data) < 256:
        out += bytes((BINARY_8, len(data)))
    elif len(data) < 1 << 20:
        out.append(BINARY_20)
        out += len(data).to_bytes(3, "big")
    else:
        out.append(BINARY_32)
        out += len(data).to_bytes(4, "big")
    out += data


def _write_jid(out: bytearray, jid: JID) -> None:
    if jid.device:
        out += bytes((AD_JID, DOMAINS[jid.server], jid.device))
        _write_bytes(out, jid.user.encode())
        return
    out.append(JID_PAIR)
    if jid.user:
        _write_bytes(out, jid.user.encode())
    else:
        out.append(LIST_EMPTY)
    _write_bytes(out, jid.server.encode())


class _Reader:
    """A cursor over the body of one node."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def node(self) -> Node:
        size = self.list_size(self.byte())
        tag = self.value(self.byte())
        if size == 0 or not isinstance(tag, str):
            raise MalformedNode("a node without a tag")
        attrs: dict[str, Value] = {}
        for _ in range((size - 1) // 2):
            name, value = self.value(self.byte()), self.value(self.byte())
            if not isinstance(name, str):
                raise MalformedNode("an attribute whose name is no text")
            attrs[name] = "" if value is None else value
        return Node(tag, attrs, None if size % 2 else self.content())

    def content(self) -> list[Node] | bytes | None:
        tag = self.byte()
        if tag in (LIST_EMPTY, LIST_8, LIST_16):
            return [self.node() for _ in range(self.list_size(tag))]
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self.take(self.length(tag))
        value = self.value(tag)
        return str(value).encode() if value is not None else None

    def value(self, tag: int) -> Value | None:
        if tag == LIST_EMPTY:
            return None
        if DICTIONARY_0 <= tag <= DICTIONARY_3:
            return DOUBLE_TOKENS[tag - DICTIONARY_0][self.byte()]
        if tag < len(SINGLE_TOKENS):
            return SINGLE_TOKENS[tag]
        if tag in (BINARY_8, BINARY_20, BINARY_32):
            return self.take(self.length(tag)).decode()
        if tag in PACKED_ALPHABETS:
            return "".join(self.packed(PACKED_ALPHABETS[tag]))
        if tag == JID_PAIR:
            user, server = self.value(self.byte()), self.value(self.byte())
            return JID(str(user or ""), str(server or ""))
        if tag == AD_JID:
            server, device = SERVERS.get(self.byte()), self.byte()
            if server is None:
                raise MalformedNode("an address of an unknown domain")
            return JID(str(self.value(self.byte()) or ""), server, device)
        raise MalformedNode(f"unknown token {tag} at {self.position}")

    def packed(self, alphabet: str) -> Iterator[str]:
        header = self.byte()
        digits = [digit for byte in self.take(header & 127) for digit in (byte >> 4, byte & 15)]
        for digit in digits[:-1] if header & 128 else digits:
            yield alphabet[digit]

    def list_size(self, tag: int) -> int:
        if tag == LIST_EMPTY:
            return 0
        if tag not in (LIST_8, LIST_16):
            raise MalformedNode(f"no list size: {tag}")
        return int.from_bytes(self.take(1 if tag == LIST_8 else 2), "big")

    def length(self, tag: int) -> int:
        if tag == BINARY_20:
            return int.from_bytes(self.take(3), "big") & 0xFFFFF
        return int.from_bytes(self.take(1 if tag == BINARY_8 else 4), "big")

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise MalformedNode("a node that ends early")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk
