"""An account's linked devices: who is told when the list changes, and how a device leaves it."""

from __future__ import annotations

import base64
import hashlib

import structlog

from sandbox.accounts import Account
from sandbox.jid import JID
from sandbox.network import Network
from sandbox.stanzas import notification, stream_error
from sandbox.wire import Node

log = structlog.get_logger()


def list_devices(account: Account) -> list[JID]:
    """The addresses that messages to an account are encrypted for, the phone's first."""
    return [account.hidden_address(number) for number in account.device_numbers()]


def hash_devices(devices: list[JID]) -> str:
    """The `phash` by which a client and the network compare their lists (whatsmeow, participantListHashV2)."""
    names = sorted(f"{jid.user}.0:{jid.device}@{jid.server}" for jid in devices)
    digest = hashlib.sha256("".join(names).encode()).digest()
    return "2:" + base64.b64encode(digest[:6]).decode().rstrip("=")


def announce_devices(network: Network, account: Account) -> None:
    """Tell the account's own devices and everybody who has asked for the list that it has changed."""
    devices = list_devices(account)
    own = Node(
        "devices",
        {"dhash": hash_devices(devices)},
        [Node("device", {"jid": jid, "key-index": str(jid.device)}) for jid in devices],
    )
    network.deliver_to_linked(account, notification("account_sync", account.hidden_address(), own))
    update = Node("update", {"device_hash": hash_devices(devices)})
    for number, device in network.watchers.pop(account.number, set()):
        watcher = network.directory.by_number(number)
        if watcher and watcher is not account:
            news = notification("devices", account.hidden_address(), update)
            network.deliver(watcher.hidden_address(device), news)


def remove_device(network: Network, account: Account, number: int, *, tell: bool) -> None:
    """Unlink a device. `tell`: it did not ask for it, and learns it if it is connected."""
    device = account.devices.pop(number, None)
    if device is None:
        return
    network.store.delete_device(account, number)
    link = network.links.pop((account.number, number), None)
    if link:
        if tell:
            link.connection.send(stream_error("401", "device_removed"))
        link.connection.close_soon()
    announce_devices(network, account)
    log.info("device_unlinked", account=account.number, device=number, by_phone=tell)
