"""The keys that devices leave with the network so that others can begin sessions with them."""

from __future__ import annotations

from sandbox.accounts import Account, PreKey
from sandbox.jid import JID, SERVER
from sandbox.network import Link, Network
from sandbox.retries import bundle_nodes
from sandbox.signal.endpoint import PreKeyBundle
from sandbox.stanzas import error, notification, result
from sandbox.wire import Node

FEW_PREKEYS = 5  # below this a device is asked for more (whatsmeow, prekeys.go: MinPreKeyCount)


def take_bundle(network: Network, account: Account, device: int) -> PreKeyBundle | None:
    """The keys to begin a session with a device, which is told when it runs short of them."""
    bundle = network.endpoints.bundle(account, device)
    link = network.links.get((account.number, device))
    if link and link.active:
        left = network.store.count_prekeys(account, device)
        if left < FEW_PREKEYS:
            link.connection.send(notification("encrypt", SERVER, Node("count", {"value": str(left)})))
    return bundle


def answer_count(network: Network, link: Link, query: Node) -> Node:
    """How many one-time prekeys of the device are left."""
    count = network.store.count_prekeys(link.account, link.device.number)
    return result(query, Node("count", {"value": str(count)}))


def answer_upload(network: Network, link: Link, query: Node) -> Node:
    """Take new prekeys from the device whose identity they come with."""
    if query.child_data("identity") != link.device.identity_key:
        return error(query, 406, "not-acceptable")
    signed = query.child("skey")
    if signed is not None:
        link.device.signed_prekey = _read_prekey(signed)
        network.store.save_device(link.account, link.device)
    listed = query.child("list")
    keys = [_read_prekey(key) for key in listed.children] if listed else []
    network.store.add_prekeys(link.account, link.device.number, keys)
    return result(query)


def answer_bundles(network: Network, link: Link, query: Node) -> Node:
    """The bundles of the devices that are asked for."""
    asked = query.child("key")
    users = [_describe(network, jid) for user in (asked.children if asked else []) if (jid := user.jid("jid"))]
    return result(query, Node("list", {}, users))


def _describe(network: Network, jid: JID) -> Node:
    account = network.directory.by_jid(jid)
    bundle = take_bundle(network, account, jid.device) if account else None
    if bundle is None:
        return Node("user", {"jid": jid}, [Node("error", {"code": "404", "text": "item-not-found"})])
    return Node("user", {"jid": jid}, bundle_nodes(bundle))


def _read_prekey(node: Node) -> PreKey:
    return PreKey(int.from_bytes(node.child_data("id"), "big"), node.child_data("value"), node.child_data("signature"))
