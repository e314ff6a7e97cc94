"""The directory query `usync`: who is registered, under which addresses, with which devices."""

from __future__ import annotations

from sandbox.accounts import Account
from sandbox.jid import JID, PHONE_SERVER
from sandbox.network import Link, Network
from sandbox.stanzas import result
from sandbox.wire import Node


def answer_usync(network: Network, link: Link, query: Node) -> Node:
    """Answer each asked user with each asked kind of information."""
    asked = query.child("usync", "query")
    users = query.child("usync", "list")
    kinds = [child.tag for child in asked.children] if asked else []
    entries = [_describe(network, link, user, kinds) for user in (users.children if users else [])]
    usync = query.child("usync")
    attrs = dict(usync.attrs) if usync else {}
    return result(query, Node("usync", attrs, [Node("result"), Node("list", {}, entries)]))


def _describe(network: Network, link: Link, user: Node, kinds: list[str]) -> Node:
    jid = user.jid("jid")
    if jid is None:
        return _describe_contact(network, user)
    account = network.directory.by_jid(jid)
    if account is None:
        return Node("user", {"jid": jid}, [])
    if "devices" in kinds:
        network.watchers.setdefault(account.number, set()).add((link.account.number, link.device.number))
    known = {"devices": _devices, "lid": _lid, "contact": _contact, "status": _status, "picture": _picture}
    return Node("user", {"jid": jid}, [known[kind](network, account) for kind in kinds if kind in known])


def _describe_contact(network: Network, user: Node) -> Node:
    """Whether a number, given as text, is on the network; Brazilian mobiles are found by either spelling."""
    text = user.child_data("contact")
    number = "".join(filter(str.isdigit, text.decode(errors="replace").partition("@")[0]))
    account = network.directory.by_any_spelling(number)
    if account is None:
        return Node("user", {"jid": JID(number, PHONE_SERVER)}, [Node("contact", {"type": "out"}, text)])
    attrs = {"jid": account.hidden_address(), "pn_jid": account.address()}
    return Node("user", dict(attrs), [Node("contact", {"type": "in"}, text)])


def _devices(network: Network, account: Account) -> Node:
    devices = [Node("device", {"id": "0"})]
    devices += [
        Node("device", {"id": str(device.number), "key-index": str(device.key_index)})
        for device in account.devices.values()
    ]
    return Node("devices", {}, [Node("device-list", {}, devices), Node("key-index-list", {"ts": "0"})])


def _lid(network: Network, account: Account) -> Node:
    return Node("lid", {"val": account.hidden_address()})


def _contact(network: Network, account: Account) -> Node:
    return Node("contact", {"type": "in"})


def _status(network: Network, account: Account) -> Node:
    return Node("status", {}, network.preferences.about(account).encode())


def _picture(network: Network, account: Account) -> Node:
    picture = network.pictures.of(account.number)
    return Node("picture", {"id": picture.id} if picture else {})
