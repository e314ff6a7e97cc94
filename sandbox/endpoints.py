"""The Signal endpoints of the phones, loaded on first use and saved part by part, and the keys that open sessions."""

from __future__ import annotations

from sandbox.accounts import Account
from sandbox.signal.endpoint import Endpoint, PreKeyBundle
from sandbox.signal.sender_keys import SenderKeys
from sandbox.store import Store


class Endpoints:
    """One endpoint per account: that of its phone, whose identity is the account's key."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._loaded: dict[str, Endpoint] = {}
        self._sender_keys: dict[str, SenderKeys] = {}

    def of(self, account: Account) -> Endpoint:
        endpoint = self._loaded.get(account.number)
        if endpoint is None:
            parts = self.store.load_signal(account.number)
            endpoint = Endpoint.from_parts(parts) if parts else Endpoint.create(account.identity)
            self._loaded[account.number] = endpoint
        return endpoint

    def sender_keys_of(self, account: Account) -> SenderKeys:
        """What the phone writes to groups with, and reads them with; `save` stores these too."""
        keys = self._sender_keys.get(account.number)
        if keys is None:
            keys = SenderKeys.from_parts(self.store.load_signal(account.number))
            self._sender_keys[account.number] = keys
        return keys

    def save(self, account: Account) -> None:
        """Store what changed at the endpoint and among its sender keys since the last time."""
        self.store.save_signal(account.number, self.of(account).changes())
        if account.number in self._sender_keys:
            self.store.save_signal(account.number, self._sender_keys[account.number].changes())

    def bundle(self, account: Account, device: int) -> PreKeyBundle | None:
        """The keys by which a session with a device begins, one-time prekey included while there is one."""
        if device == 0:
            bundle = self.of(account).bundle()
            self.save(account)
            return bundle
        record = account.devices.get(device)
        if record is None:
            return None
        one_time = self.store.take_prekey(account, device)
        return PreKeyBundle(
            registration_id=record.registration_id,
            identity=record.identity_key,
            signed_id=record.signed_prekey.id,
            signed_key=record.signed_prekey.public,
            signature=record.signed_prekey.signature,
            one_time_id=one_time.id if one_time else None,
            one_time_key=one_time.public if one_time else None,
        )
