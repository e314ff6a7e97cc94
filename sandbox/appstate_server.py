"""The server's part of app state: numbered patches per collection, readable only by the account's devices."""

from __future__ import annotations

from sandbox.appstate import PUSH_NAME_COLLECTION, InvalidPatch
from sandbox.jid import SERVER
from sandbox.network import Link, Network
from sandbox.profiles import learn_name
from sandbox.protobufs import DecodeError, server_sync
from sandbox.stanzas import notification, result
from sandbox.wire import Node


def answer_sync(network: Network, link: Link, query: Node) -> Node:
    """Take the patches a device sends and give it those it has not seen, collection by collection."""
    sync = query.child("sync")
    collections = [_sync_collection(network, link, node) for node in (sync.children if sync else [])]
    return result(query, Node("sync", {}, collections))


def _sync_collection(network: Network, link: Link, request: Node) -> Node:
    store, number, name = network.store, link.account.number, request.text("name")
    base = int(request.text("version") or 0)
    current = store.patch_version(number, name)
    patch = request.child("patch")
    if patch is None:
        return _collection(network, number, name, base)
    if base != current:
        conflict = _collection(network, number, name, base)
        conflict.attrs["type"] = "error"
        conflict.content = [Node("error", {"code": "409", "text": "conflict"}), *conflict.children]
        return conflict
    try:
        _append(network, link, name, current + 1, patch.data)
    except (DecodeError, InvalidPatch):
        reason = Node("error", {"code": "400", "text": "bad-request"})
        return Node("collection", {"name": name, "type": "error"}, [reason])
    version = str(current + 1)
    news = notification("server_sync", SERVER, Node("collection", {"name": name, "version": version}))
    network.deliver_to_linked(link.account, news, but=link.device.number)
    return Node("collection", {"name": name, "version": version})


def _append(network: Network, link: Link, name: str, version: int, data: bytes) -> None:
    """Number and keep a patch; the phone reads the collection that has its name. Raises DecodeError, InvalidPatch."""
    patch = server_sync.SyncdPatch.FromString(data)
    patch.version.version = version
    with network.store.transaction():
        network.store.add_patch(link.account.number, name, version, patch.SerializeToString())
        if name == PUSH_NAME_COLLECTION:
            learn_name(network, link.account)


def _collection(network: Network, number: str, name: str, after: int) -> Node:
    patches = [Node("patch", {}, patch) for patch in network.store.patches_after(number, name, after)]
    version = str(network.store.patch_version(number, name))
    return Node("collection", {"name": name, "version": version}, [Node("patches", {}, list(patches))])
