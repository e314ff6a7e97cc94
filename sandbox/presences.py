"""Who is online, and who wants to know it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.accounts import Account
from sandbox.jid import JID
from sandbox.network import DeviceKey, Link, Network
from sandbox.wire import Node, Value


class Presences:
    """An account is available while its phone or one of its devices has said so; subscriptions end with a restart."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.available_phones: set[str] = set()
        self.last_seen: dict[str, int] = {}
        # account -> who watches it, under which of its addresses
        self.subscriptions: dict[str, dict[DeviceKey, JID]] = {}

    def handle(self, link: Link, presence: Node) -> None:
        """A device shows or hides itself, or asks to be told about somebody."""
        kind = presence.text("type")
        if kind == "subscribe":
            self._subscribe(link, presence)
        elif kind in ("available", "unavailable"):
            name = presence.text("name")
            if name and name != link.account.push_name:
                link.account.name = name
                self.network.store.save_account(link.account)
            self._change(link.account, lambda: setattr(link, "available", kind == "available"))

    def set_phone(self, account: Account, available: bool) -> None:
        """The phone's owner opens or leaves WhatsApp."""
        change = self.available_phones.add if available else self.available_phones.discard
        self._change(account, lambda: change(account.number))

    def leave(self, link: Link) -> None:
        """A device's connection has ended."""
        self._change(link.account, lambda: setattr(link, "available", False))

    def is_available(self, account: Account) -> bool:
        return account.number in self.available_phones or any(link.available for link in self.network.links_of(account))

    def _subscribe(self, link: Link, presence: Node) -> None:
        target = presence.jid("to")
        account = self.network.directory.by_jid(target)
        if target is None or account is None:
            return
        watchers = self.subscriptions.setdefault(account.number, {})
        watchers[(link.account.number, link.device.number)] = target.person
        link.connection.send(self._describe(account, target.person))

    def _change(self, account: Account, change: Callable[[], object]) -> None:
        """Make a change; if it made the account appear or vanish, tell those who watch it."""
        before = self.is_available(account)
        change()
        after = self.is_available(account)
        if before == after:
            return
        if not after:
            self.last_seen[account.number] = int(time.time())
        for key, address in self.subscriptions.get(account.number, {}).items():
            watcher = self.network.links.get(key)
            if watcher and watcher.active:
                watcher.connection.send(self._describe(account, address))

    def _describe(self, account: Account, address: JID) -> Node:
        attrs: dict[str, Value] = {"from": address}
        if not self.is_available(account):
            attrs["type"] = "unavailable"
            if account.number in self.last_seen:
                attrs["last"] = str(self.last_seen[account.number])
        return Node("presence", attrs)
