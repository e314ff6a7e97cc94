"""Messages, receipts and typing of linked devices in groups: one ciphertext for all, and a key for who lacks it."""

from __future__ import annotations

from sandbox.accounts import Account
from sandbox.devices import hash_devices, list_devices
from sandbox.group_stanzas import members_of
from sandbox.groups import Group
from sandbox.jid import GROUP_SERVER, JID
from sandbox.network import Link, Network
from sandbox.stanzas import acknowledge, now
from sandbox.wire import Node, Value

NOT_A_MEMBER = 403
NO_SUCH_GROUP = 404
ADMINS_ONLY = 405


def concerns_group(stanza: Node) -> bool:
    """Whether a device's stanza is addressed to a group."""
    target = stanza.jid("to")
    return target is not None and target.server == GROUP_SERVER


def handle_group_message(network: Network, link: Link, message: Node) -> None:
    """Acknowledge a message to a group and bring it to every device of every member, or to one again (a retry)."""
    group = network.groups.by_jid(message.jid("to"))
    code = network.faults.take_nack(link.account.number) or _refusal(group, link.account)
    if code or group is None:
        link.connection.send(acknowledge(message, error=str(code)))
        return
    devices = list_group_devices(network, group)
    attrs = {}
    # Clients hash the devices they wrote to; another hash makes them ask for the members again.
    if message.text("phash") and message.text("phash") != (expected := hash_devices(devices)):
        attrs["phash"] = expected
    if not network.faults.take_lost_ack(link.account.number):
        link.connection.send(acknowledge(message, **attrs))
    if network.is_repetition(link, message):
        return
    with network.store.transaction():
        if asker := message.jid("participant"):
            network.deliver(asker, _copy(link, group, message, message.children))
            return
        deliver_copies(network, group, _copy(link, group, message, message.children), _keys_in(message), devices)


def deliver_copies(
    network: Network, group: Group, stanza: Node, keys: dict[JID, list[Node]], devices: list[JID]
) -> None:
    """Bring a group's message to the devices, each with the key that was written for it, if one was."""
    author = stanza.jid("participant")
    for device in devices:
        if device != author:
            own = keys.get(device, [])
            content = [*own, *stanza.children]
            if not any(enc.text("type") == "pkmsg" for enc in own):
                content = [child for child in content if child.tag != "device-identity"]
            network.deliver(device, Node(stanza.tag, dict(stanza.attrs), content))


def list_group_devices(network: Network, group: Group) -> list[JID]:
    """Every device that a message to the group is for, the author's included."""
    return [device for account in members_of(network.directory, group) for device in list_devices(account)]


def message_attributes(
    group: Group, account: Account, device: int, id: str, kind: str, timestamp: str
) -> dict[str, Value]:
    """The attributes of a group's message as its receivers get it, the author under both addresses."""
    return {
        "from": group.jid,
        "participant": account.hidden_address(device),
        "participant_pn": account.address(),
        "addressing_mode": "lid",
        "id": id,
        "type": kind,
        "t": timestamp,
        "notify": account.push_name,
    }


def handle_group_receipt(network: Network, link: Link, receipt: Node) -> None:
    """Tell the author of a message in a group what became of it at a member's device."""
    group = network.groups.by_jid(receipt.jid("to"))
    participant = receipt.jid("participant")
    author = network.directory.by_jid(participant)
    if group is None or participant is None or author is None:
        return
    kind = receipt.text("type")
    attrs = receipt_attributes(group, link.account, link.device.number, receipt.text("id"), kind)
    relayed = Node("receipt", attrs | {"t": receipt.text("t") or now()}, receipt.content)
    if kind == "retry":
        network.deliver(author.hidden_address(participant.device), relayed)
        return
    for device in author.device_numbers():
        network.deliver(author.hidden_address(device), relayed)


def receipt_attributes(group: Group, account: Account, device: int, id: str, kind: str) -> dict[str, Value]:
    """The attributes of a receipt from a member, as the author of the message gets it."""
    attrs: dict[str, Value] = {
        "from": group.jid,
        "participant": account.hidden_address(device),
        "participant_pn": account.address(),
        "addressing_mode": "lid",
        "id": id,
        "t": now(),
    }
    return attrs | {"type": kind} if kind else attrs


def tell_typing(network: Network, group: Group, author: Account, state: list[Node] | bytes | None) -> None:
    """Let the other members see that somebody begins or stops typing."""
    attrs: dict[str, Value] = {
        "from": group.jid,
        "participant": author.hidden_address(),
        "participant_pn": author.address(),
        "addressing_mode": "lid",
    }
    for member in members_of(network.directory, group):
        if member is not author:
            network.tell(member, Node("chatstate", dict(attrs), state))


def may_write(group: Group, account: Account) -> bool:
    return group.has(account) and (not group.announce or group.is_admin(account))


def _refusal(group: Group | None, account: Account) -> int:
    if group is None:
        return NO_SUCH_GROUP
    if not group.has(account):
        return NOT_A_MEMBER
    return 0 if may_write(group, account) else ADMINS_ONLY


def _keys_in(message: Node) -> dict[JID, list[Node]]:
    """What was encrypted for single devices: the sender key, by device."""
    participants = message.child("participants")
    keys = {}
    for entry in participants.children if participants else []:
        if jid := entry.jid("jid"):
            keys[jid] = [child for child in entry.children if child.tag == "enc"]
    return keys


def _copy(link: Link, group: Group, message: Node, content: list[Node]) -> Node:
    """The message as receivers get it, but for the keys of single devices."""
    kind = message.text("type") or "text"
    attrs = message_attributes(group, link.account, link.device.number, message.text("id"), kind, now())
    if "edit" in message.attrs:
        attrs["edit"] = message.attrs["edit"]
    passed_on = ("enc", "meta", "device-identity")
    return Node("message", attrs, [child for child in content if child.tag in passed_on])
