"""The network as one object: its accounts, who is connected, and the one way by which a stanza reaches a device."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.accounts import Account, Device, Directory, other_spelling
from sandbox.connection import Connection
from sandbox.endpoints import Endpoints
from sandbox.faults import Faults
from sandbox.groups import Groups
from sandbox.jid import JID
from sandbox.keys import KeyPair
from sandbox.pictures import Pictures
from sandbox.preferences import Preferences
from sandbox.store import Store
from sandbox.wire import Node, encode

REMEMBERED_MESSAGES = 20_000

DeviceKey = tuple[str, int]


class NumberTaken(ValueError):
    """The number exists already, in its other spelling."""


@dataclass(slots=True)
class Link:
    """A logged-in device's connection; stanzas flow to it from the moment it has asked for them."""

    connection: Connection
    account: Account
    device: Device
    active: bool = False
    available: bool = False  # it has said that somebody is looking


@dataclass(slots=True)
class Network:
    """State shared by everything that handles stanzas. All of it runs in one event loop, so nothing is locked."""

    store: Store
    directory: Directory
    endpoints: Endpoints
    faults: Faults
    groups: Groups
    preferences: Preferences
    pictures: Pictures
    links: dict[DeviceKey, Link] = field(default_factory=dict)
    # Who has asked for the devices of an account: they cache the list and are told when it changes.
    watchers: dict[str, set[DeviceKey]] = field(default_factory=dict)
    media_host: str = ""  # where the media server listens, once it does
    # What the phones do, set by them.
    on_active: Callable[[Link], None] = field(default=lambda link: None)
    deliver_to_phone: Callable[[Account, Node], None] = field(default=lambda account, node: None)
    _recent: OrderedDict[tuple[str, int, str], None] = field(default_factory=OrderedDict)

    @classmethod
    def load(cls, store: Store) -> Network:
        tables = store.connection
        return cls(
            store,
            Directory(store.load_accounts()),
            Endpoints(store),
            Faults(),
            Groups(tables),
            Preferences(tables),
            Pictures(tables),
        )

    def create_account(self, number: str, name: str) -> Account:
        """Register a number. Raises NumberTaken when it exists in its other spelling."""
        if (other := other_spelling(number)) and self.directory.by_number(other):
            raise NumberTaken(other)
        lid = str(secrets.randbelow(9 * 10**14) + 10**14)
        while self.directory.knows_lid(lid):
            lid = str(int(lid) + 1)
        account = Account(number, lid, name, KeyPair.generate())
        self.store.save_account(account)
        self.directory.add(account)
        return account

    def links_of(self, account: Account) -> list[Link]:
        return [link for device in account.devices if (link := self.links.get((account.number, device)))]

    def deliver(self, to: JID, stanza: Node) -> None:
        """Bring a stanza to one device: at once when it is connected, and kept until it acknowledges."""
        account = self.directory.by_jid(to)
        if account is None:
            return
        if to.device == 0:
            self.deliver_to_phone(account, stanza)
        elif to.device in account.devices:
            node = encode(stanza)
            peer, kind = stanza.text("from"), stanza.text("type")
            self.store.add_stanza(account.number, to.device, stanza.tag, stanza.text("id"), peer, kind, node)
            link = self.links.get((account.number, to.device))
            if link and link.active:
                link.connection.send(node)

    def deliver_to_linked(self, account: Account, stanza: Node, *, but: int = 0) -> None:
        """Bring a stanza to every linked device of an account, but for one."""
        for device in account.devices:
            if device != but:
                self.deliver(account.hidden_address(device), stanza)

    def tell(self, account: Account, stanza: Node) -> None:
        """Bring a passing sign to whoever looks right now, phone included; nobody else ever gets it."""
        self.deliver_to_phone(account, stanza)
        for link in self.links_of(account):
            if link.active:
                link.connection.send(stanza)

    def settle(self, link: Link, tag: str, acknowledgement: Node, kind: str = "") -> None:
        """Forget a stanza that the device has acknowledged."""
        id, peer = acknowledgement.text("id"), acknowledgement.text("to")
        self.store.settle_stanza(link.account.number, link.device.number, tag, id, peer, kind)

    def flush(self, link: Link) -> int:
        """Send a device what has waited for it and begin live delivery; returns how many stanzas waited."""
        pending = self.store.pending_stanzas(link.account.number, link.device.number)
        for node in pending:
            link.connection.send(node)
        link.active = True
        return len(pending)

    def is_repetition(self, link: Link, message: Node) -> bool:
        """Whether a device repeats a message, as clients do that lost their connection before the acknowledgement."""
        if message.child("participants") is None:
            return False  # a retry has the id of its first copy, and must get through
        key = (link.account.number, link.device.number, message.text("id"))
        if key in self._recent:
            return True
        self._recent[key] = None
        if len(self._recent) > REMEMBERED_MESSAGES:
            self._recent.popitem(last=False)
        return False
