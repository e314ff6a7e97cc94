"""Who exists on the network: accounts with their two addresses and linked devices, in memory as in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.jid import JID, LEGACY_SERVER, LID_SERVER, PHONE_SERVER
from sandbox.keys import KeyPair


@dataclass(frozen=True, slots=True)
class PreKey:
    """A public key a device has uploaded for others to start sessions with; `signature` only on signed ones."""

    id: int
    public: bytes
    signature: bytes = b""


@dataclass(slots=True)
class Device:
    """A linked device (number 1 and up; the phone itself is 0 and has no record)."""

    number: int
    noise_key: bytes
    identity_key: bytes
    registration_id: int
    signed_prekey: PreKey
    key_index: int
    keys_shared: bool = False
    name: str = ""  # as it called itself when it was linked; not stored
    browser: str = ""


@dataclass(slots=True)
class Account:
    """A registered number: the phone and what is linked to it."""

    number: str
    lid: str
    name: str
    identity: KeyPair
    logins: int = 0
    next_device: int = 1
    devices: dict[int, Device] = field(default_factory=dict)

    @property
    def push_name(self) -> str:
        """What others see as the account's name; a phone without one goes by its number."""
        return self.name or self.number

    def address(self, device: int = 0) -> JID:
        return JID(self.number, PHONE_SERVER, device)

    def hidden_address(self, device: int = 0) -> JID:
        """The LID form of the address, which conversations use."""
        return JID(self.lid, LID_SERVER, device)

    def device_numbers(self) -> list[int]:
        """Every device of the account, the phone first."""
        return [0, *sorted(self.devices)]


class Directory:
    """Look-ups of accounts by any of their names."""

    def __init__(self, accounts: list[Account]) -> None:
        self._by_number = {account.number: account for account in accounts}
        self._by_lid = {account.lid: account for account in accounts}

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._by_number.values()))

    def add(self, account: Account) -> None:
        self._by_number[account.number] = account
        self._by_lid[account.lid] = account

    def by_number(self, number: str) -> Account | None:
        """The account with exactly this number."""
        return self._by_number.get(number)

    def by_any_spelling(self, number: str) -> Account | None:
        """The account with this number, or for Brazilian mobiles with its spelling of the ninth digit."""
        account = self._by_number.get(number)
        if account is None and (other := other_spelling(number)):
            account = self._by_number.get(other)
        return account

    def by_jid(self, jid: JID | None) -> Account | None:
        """The account an address belongs to, whatever its device."""
        if jid is None:
            return None
        if jid.server == LID_SERVER:
            return self._by_lid.get(jid.user)
        if jid.server in (PHONE_SERVER, LEGACY_SERVER):
            return self._by_number.get(jid.user)
        return None

    def knows_lid(self, lid: str) -> bool:
        return lid in self._by_lid


def other_spelling(number: str) -> str | None:
    """A Brazilian mobile number with the ninth digit added or taken away; None for all others."""
    if not number.startswith("55"):
        return None
    area, local = number[2:4], number[4:]
    if len(local) == 9 and local[0] == "9" and local[1] in "6789":
        return f"55{area}{local[1:]}"
    if len(local) == 8 and local[0] in "6789":
        return f"55{area}9{local}"
    return None
