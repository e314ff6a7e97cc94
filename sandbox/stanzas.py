"""Builders of the stanzas that more than one part of the network sends."""

from __future__ import annotations

import secrets
import time

from sandbox.jid import SERVER
from sandbox.wire import Node, Value


def new_id() -> str:
    """A stanza id of the network's own."""
    return secrets.token_hex(8).upper()


def now() -> str:
    """Unix seconds, as attributes carry them."""
    return str(int(time.time()))


def result(query: Node, *content: Node) -> Node:
    """The good answer to an iq."""
    return Node("iq", {"type": "result", "id": query.text("id"), "from": SERVER}, list(content) or None)


def error(query: Node, code: int, text: str) -> Node:
    """The bad answer to an iq."""
    reason = Node("error", {"code": str(code), "text": text})
    return Node("iq", {"type": "error", "id": query.text("id"), "from": SERVER}, [reason])


def request(namespace: str, *content: Node) -> Node:
    """An iq that the network itself sends."""
    return Node("iq", {"type": "set", "id": new_id(), "xmlns": namespace, "from": SERVER}, list(content))


def acknowledge(stanza: Node, **attrs: str) -> Node:
    """The ack of a client's stanza; `from` is whom the stanza was for."""
    values: dict[str, Value] = {"class": stanza.tag, "id": stanza.text("id"), "from": stanza.attrs.get("to", SERVER)}
    if stanza.tag != "message" and "type" in stanza.attrs:
        values["type"] = stanza.attrs["type"]
    return Node("ack", values | attrs | {"t": now()})


def notification(kind: str, source: Value, *content: Node, **attrs: Value) -> Node:
    """News from the network about an account, or from the network itself."""
    return Node("notification", {"id": new_id(), "type": kind, "from": source, "t": now(), **attrs}, list(content))


def stream_error(code: str, conflict: str | None = None) -> Node:
    """The end of a connection, with its reason."""
    return Node("stream:error", {"code": code}, [Node("conflict", {"type": conflict})] if conflict else None)


def failure(reason: int) -> Node:
    """The refusal of a login."""
    return Node("failure", {"reason": str(reason), "location": "sandbox"})
