"""Messages and receipts of linked devices: acknowledge, fan out to every device concerned, settle what waited."""

from __future__ import annotations

from sandbox.accounts import Account
from sandbox.devices import hash_devices, list_devices
from sandbox.group_messaging import concerns_group, handle_group_message, handle_group_receipt, tell_typing
from sandbox.jid import JID, LID_SERVER
from sandbox.network import Link, Network
from sandbox.retries import retry_count, spoil
from sandbox.stanzas import acknowledge, now
from sandbox.wire import Node, Value

# Receipts that tell the network something, or the device's own phone, and nobody else.
PRIVATE_RECEIPTS = {"sender", "peer_msg", "hist_sync", "read-self", "played-self", "server-error"}


def handle_message(network: Network, link: Link, message: Node) -> None:
    """A message for somebody's devices, for one device again (a retry), or for the own phone (category peer)."""
    if concerns_group(message):
        handle_group_message(network, link, message)
        return
    code = network.faults.take_nack(link.account.number)
    recipient = network.directory.by_jid(message.jid("to"))
    if code or recipient is None:
        link.connection.send(acknowledge(message, error=str(code or 404)))
        return
    copies = _copies(message)
    attrs = {}
    if copies and (phash := _corrected_hash(link, recipient, copies)):
        attrs["phash"] = phash
    if not network.faults.take_lost_ack(link.account.number):
        link.connection.send(acknowledge(message, **attrs))
    if network.is_repetition(link, message):
        return
    garbled = not retry_count(message) and network.faults.take_garble(link.account.number)
    with network.store.transaction():
        for to, content in copies or [(_single_target(message, recipient), message.children)]:
            owner = network.directory.by_jid(to)
            if owner is not None and not network.preferences.blocks(owner, link.account):
                content = spoil(content) if garbled and owner is not link.account else content
                network.deliver(to, _copy(link, message, recipient, owner, content))


def handle_receipt(network: Network, link: Link, receipt: Node) -> None:
    """A receipt settles the message that waited for it and goes on to those who sent the message."""
    network.settle(link, "message", receipt)
    link.connection.send(acknowledge(receipt))
    if concerns_group(receipt) and receipt.text("type") not in PRIVATE_RECEIPTS:
        handle_group_receipt(network, link, receipt)
        return
    target = receipt.jid("to")
    recipient = network.directory.by_jid(target)
    kind = receipt.text("type")
    if target is None or recipient is None or kind in PRIVATE_RECEIPTS:
        return
    relayed = Node(
        "receipt",
        {"from": _own_address(link, target), "id": receipt.text("id"), "t": receipt.text("t") or now()},
        receipt.content,
    )
    passed_on = ("type", "recipient", "participant")
    relayed.attrs |= {name: receipt.attrs[name] for name in passed_on if name in receipt.attrs}
    if kind == "retry":
        network.deliver(recipient.hidden_address(target.device), relayed)
        return
    for device in recipient.device_numbers():
        network.deliver(recipient.hidden_address(device), relayed)


def handle_ack(network: Network, link: Link, ack: Node) -> None:
    """A device has understood a stanza, or has given up on it."""
    network.settle(link, ack.text("class"), ack, ack.text("type"))


def handle_chatstate(network: Network, link: Link, chatstate: Node) -> None:
    """Typing, which is for those who look and for nobody else."""
    target = chatstate.jid("to")
    if group := network.groups.by_jid(target):
        tell_typing(network, group, link.account, chatstate.content)
        return
    recipient = network.directory.by_jid(target)
    if target is None or recipient is None:
        return
    if network.preferences.blocks(recipient, link.account):
        return
    source = link.account.hidden_address() if target.server == LID_SERVER else link.account.address()
    network.tell(recipient, Node("chatstate", {"from": source}, chatstate.content))


def _copies(message: Node) -> list[tuple[JID, list[Node]]]:
    """Every device's own ciphertext; none for a message that has just one."""
    participants = message.child("participants")
    copies = []
    for entry in participants.children if participants else []:
        if jid := entry.jid("jid"):
            copies.append((jid, entry.children))
    return copies


def _single_target(message: Node, recipient: Account) -> JID:
    """The device a message without participants is for: device 0 means the phone."""
    target = message.jid("to")
    return recipient.hidden_address(target.device if target else 0)


def _corrected_hash(link: Link, recipient: Account, copies: list[tuple[JID, list[Node]]]) -> str | None:
    """The hash of the devices a message should have reached, when it missed some: it makes the client ask again."""
    expected = list_devices(recipient)
    if link.account is not recipient:
        expected += list_devices(link.account)
    reached = {to for to, _ in copies} | {link.account.hidden_address(link.device.number)}
    return None if reached.issuperset(expected) else hash_devices(expected)


def _copy(link: Link, message: Node, recipient: Account, owner: Account, content: list[Node]) -> Node:
    """The message as one device gets it."""
    account = link.account
    attrs: dict[str, Value] = {
        "from": account.hidden_address(link.device.number),
        "sender_pn": account.address(),
        "id": message.text("id"),
        "type": message.text("type") or "text",
        "t": now(),
        "notify": account.push_name,
    }
    attrs |= {name: message.attrs[name] for name in ("edit", "category") if name in message.attrs}
    if owner is account and recipient is not account:
        attrs |= {"recipient": recipient.hidden_address(), "peer_recipient_pn": recipient.address()}
    elif owner is account and (original := message.jid("recipient")):
        attrs["recipient"] = original
    children = [child for child in content if child.tag == "enc"]
    children += [child for child in message.children if child.tag == "meta"]
    if any(child.text("type") == "pkmsg" for child in children):
        children += [child for child in message.children if child.tag == "device-identity"]
    return Node("message", attrs, children)


def _own_address(link: Link, target: JID) -> JID:
    """The sender's address in the kind the stanza was addressed by: LID among LIDs, number among numbers."""
    if target.server == LID_SERVER:
        return link.account.hidden_address(link.device.number)
    return link.account.address(link.device.number)
