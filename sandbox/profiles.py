"""An account's name as its devices share it: in the app state, where the phone writes it and each may change it.

A client refuses to show itself as available before it has learned its name this way.
"""

from __future__ import annotations

import time

from sandbox.accounts import Account
from sandbox.appstate import PUSH_NAME_COLLECTION, AppStateKey, Collection, push_name_in
from sandbox.jid import SERVER
from sandbox.network import Network
from sandbox.stanzas import notification
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


def _replay(network: Network, account: Account, key: AppStateKey) -> tuple[Collection, str | None]:
    """The collection after all its patches, and the name they leave."""
    collection, name = Collection(PUSH_NAME_COLLECTION), None
    for patch in network.store.patches_after(account.number, collection.name, 0):
        name = push_name_in(collection.apply(key, patch)) or name
    return collection, name
