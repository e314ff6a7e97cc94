"""Retry receipts, by which a device asks for a message it could not decrypt, and the key bundles in stanzas."""

from __future__ import annotations

from sandbox.jid import JID
from sandbox.signal.endpoint import PreKeyBundle
from sandbox.stanzas import now
from sandbox.wire import Node

KEY_TYPE = b"\x05"


def retry_count(stanza: Node) -> int:
    """Which repetition a message is, or a retry receipt asks for; 0 for a first copy."""
    counted = stanza.child("retry" if stanza.tag == "receipt" else "enc")
    return int(counted.text("count") or 0) if counted else 0


def spoil(content: list[Node]) -> list[Node]:
    """The same ciphertexts without their last byte, which makes either kind of message unreadable."""
    return [Node("enc", dict(node.attrs), node.data[:-1]) if node.tag == "enc" else node for node in content]


def retry_receipt(message: Node, asker: JID, count: int, bundle: PreKeyBundle) -> Node:
    """Ask for another copy of a message. The keys come along, so that the sender begins a new session at once."""
    retry = Node("retry", {"count": str(count), "id": message.text("id"), "t": message.text("t") or now(), "v": "1"})
    keys = Node("keys", {}, [Node("type", {}, KEY_TYPE), Node("identity", {}, bundle.identity), *key_nodes(bundle)])
    return Node(
        "receipt",
        {"from": asker, "id": message.text("id"), "type": "retry", "t": now()},
        [retry, Node("registration", {}, bundle.registration_id.to_bytes(4, "big")), keys],
    )


def bundle_nodes(bundle: PreKeyBundle) -> list[Node]:
    """A bundle as the answer to a prekey query carries it."""
    return [
        Node("registration", {}, bundle.registration_id.to_bytes(4, "big")),
        Node("type", {}, KEY_TYPE),
        Node("identity", {}, bundle.identity),
        *key_nodes(bundle),
    ]


def key_nodes(bundle: PreKeyBundle) -> list[Node]:
    signed = [
        Node("id", {}, bundle.signed_id.to_bytes(3, "big")),
        Node("value", {}, bundle.signed_key),
        Node("signature", {}, bundle.signature),
    ]
    nodes = [Node("skey", {}, signed)]
    if bundle.one_time_id is not None and bundle.one_time_key is not None:
        one_time = [Node("id", {}, bundle.one_time_id.to_bytes(3, "big")), Node("value", {}, bundle.one_time_key)]
        nodes.insert(0, Node("key", {}, one_time))
    return nodes


def read_bundle(receipt: Node) -> PreKeyBundle | None:
    """The keys in a retry receipt, which a device adds from its second try on."""
    keys = receipt.child("keys")
    if keys is None or keys.child("skey") is None:
        return None
    has_one_time = keys.child("key") is not None
    return PreKeyBundle(
        registration_id=int.from_bytes(receipt.child_data("registration"), "big"),
        identity=keys.child_data("identity"),
        signed_id=int.from_bytes(keys.child_data("skey", "id"), "big"),
        signed_key=keys.child_data("skey", "value"),
        signature=keys.child_data("skey", "signature"),
        one_time_id=int.from_bytes(keys.child_data("key", "id"), "big") if has_one_time else None,
        one_time_key=keys.child_data("key", "value") if has_one_time else None,
    )
