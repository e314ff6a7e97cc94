"""An account's name as its devices share it, and the news of all that others see of an account.

The name is in the app state, where the phone writes it and each device may change it. A client refuses to show itself
as available before it has learned its name this way.
"""

from __future__ import annotations

import time

from sandbox.accounts import Account
from sandbox.appstate import PUSH_NAME_COLLECTION, AppStateKey, Collection, push_name_in
from sandbox.groups import Group
from sandbox.jid import JID, SERVER
from sandbox.network import Network
from sandbox.stanzas import new_id, notification
from sandbox.wire import Node


def app_state_key(network: Network, account: Account) -> AppStateKey:
    """The account's one app state key, made on first use; only the account's devices get to know it."""
    name = f"app_state_key:{account.number}"
    stored = network.store.setting(name)
    if stored is None:
        key = AppStateKey.generate()
        network.store.set_setting(name, key.key_id + key.key_data)
        return key
    return AppStateKey(stored[:-32], stored[-32:])


def publish_name(network: Network, account: Account) -> None:
    """The phone writes the account's name into the app state and lets those devices know that can read it."""
    key = app_state_key(network, account)
    collection, known = _replay(network, account, key)
    if known == account.push_name:
        return
    patch = collection.set_push_name(key, account.push_name, timestamp=int(time.time() * 1000))
    network.store.add_patch(account.number, collection.name, collection.version, patch)
    attrs = {"name": collection.name, "version": str(collection.version)}
    for device in account.devices.values():
        if device.keys_shared:
            news = notification("server_sync", SERVER, Node("collection", dict(attrs)))
            network.deliver(account.hidden_address(device.number), news)


def learn_name(network: Network, account: Account) -> None:
    """The phone takes over the name that a linked device has written. Raises appstate.InvalidPatch."""
    _, name = _replay(network, account, app_state_key(network, account))
    if name and name != account.push_name:
        account.name = name
        network.store.save_account(account)


def announce_picture(network: Network, account: Account, *, but: int = 0) -> None:
    """Tell the account's devices, and those who have written to it, of its new picture or of the end of the old."""
    change = _picture_change(network, account.number, account.hidden_address())
    _tell_contacts(network, account, notification("picture", account.hidden_address(), change))
    news = notification("account_sync", account.hidden_address(), Node("picture"))
    network.deliver_to_linked(account, news, but=but)


def announce_group_picture(network: Network, group: Group, author: Account) -> None:
    """Tell the members."""
    change = _picture_change(network, str(group.jid), group.jid)
    change.attrs["author"] = author.hidden_address()
    for number in group.members:
        if member := network.directory.by_number(number):
            network.deliver_to_linked(member, notification("picture", group.jid, change))


def announce_about(network: Network, account: Account) -> None:
    """Tell those who have written to the account of its new "about" text."""
    change = Node("set", {}, network.preferences.about(account).encode())
    _tell_contacts(network, account, notification("status", account.hidden_address(), change))


def announce_blocking(network: Network, account: Account, other: Account, blocked: bool, *, but: int = 0) -> None:
    """Tell the account's own devices whom it has blocked or unblocked."""
    item = Node("item", {"jid": other.hidden_address(), "action": "block" if blocked else "unblock"})
    change = Node("blocklist", {"action": "modify", "dhash": new_id(), "prev_dhash": new_id()}, [item])
    network.deliver_to_linked(account, notification("account_sync", account.hidden_address(), change), but=but)


def _picture_change(network: Network, owner: str, address: JID) -> Node:
    picture = network.pictures.of(owner)
    return Node("set", {"jid": address, "id": picture.id}) if picture else Node("delete", {"jid": address})


def _tell_contacts(network: Network, account: Account, news: Node) -> None:
    """Whoever has asked for the account's devices has written to it, or is about to."""
    for number, device in network.watchers.get(account.number, ()):
        watcher = network.directory.by_number(number)
        if watcher and watcher is not account:
            network.deliver(watcher.hidden_address(device), news)


def _replay(network: Network, account: Account, key: AppStateKey) -> tuple[Collection, str | None]:
    """The collection after all its patches, and the name they leave."""
    collection, name = Collection(PUSH_NAME_COLLECTION), None
    for patch in network.store.patches_after(account.number, collection.name, 0):
        name = push_name_in(collection.apply(key, patch)) or name
    return collection, name
