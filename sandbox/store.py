"""What the network remembers between two runs of its process: one SQLite file.

Written synchronously from the event loop: a commit takes some 20 microseconds, since `synchronous=OFF` leaves the disk
to the operating system. That survives every death of the process, only not a power cut, which a simulation can afford.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sandbox.accounts import Account, Device, PreKey
from sandbox.keys import KeyPair

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    number TEXT PRIMARY KEY, lid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, identity BLOB NOT NULL,
    logins INTEGER NOT NULL DEFAULT 0, next_device INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS devices (
    account TEXT NOT NULL, number INTEGER NOT NULL, noise_key BLOB NOT NULL, identity_key BLOB NOT NULL,
    registration_id INTEGER NOT NULL, signed_id INTEGER NOT NULL, signed_public BLOB NOT NULL,
    signed_signature BLOB NOT NULL, key_index INTEGER NOT NULL, keys_shared INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, number)
);
CREATE TABLE IF NOT EXISTS prekeys (
    account TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL, public BLOB NOT NULL,
    PRIMARY KEY (account, device, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stanzas (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, device INTEGER NOT NULL,
    tag TEXT NOT NULL, id TEXT NOT NULL, peer TEXT NOT NULL, type TEXT NOT NULL, node BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS stanzas_of_device ON stanzas (account, device, tag, id);
CREATE TABLE IF NOT EXISTS signal_parts (
    account TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS patches (
    account TEXT NOT NULL, collection TEXT NOT NULL, version INTEGER NOT NULL, patch BLOB NOT NULL,
    PRIMARY KEY (account, collection, version)
) WITHOUT ROWID;
"""


class Store:
    """The tables of the network; the inbox of the phones has a module of its own on the same connection."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(SCHEMA)

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes of the block one unit; a block inside another joins it."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def setting(self, name: str) -> bytes | None:
        row = self.connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def set_setting(self, name: str, value: bytes) -> None:
        self.connection.execute("REPLACE INTO settings VALUES (?, ?)", (name, value))

    # accounts and devices

    def load_accounts(self) -> list[Account]:
        accounts = {
            number: Account(number, lid, name, KeyPair.from_private(identity), logins, next_device)
            for number, lid, name, identity, logins, next_device in self.connection.execute(
                "SELECT number, lid, name, identity, logins, next_device FROM accounts"
            )
        }
        for account, number, noise, identity, registration, *signed, index, shared in self.connection.execute(
            "SELECT account, number, noise_key, identity_key, registration_id, signed_id, signed_public,"
            " signed_signature, key_index, keys_shared FROM devices"
        ):
            device = Device(number, noise, identity, registration, PreKey(*signed), index, bool(shared))
            accounts[account].devices[number] = device
        return list(accounts.values())

    def save_account(self, account: Account) -> None:
        self.connection.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET"
            " name = excluded.name, logins = excluded.logins, next_device = excluded.next_device",
            (
                account.number,
                account.lid,
                account.name,
                account.identity.private,
                account.logins,
                account.next_device,
            ),
        )

    def save_device(self, account: Account, device: Device) -> None:
        signed = device.signed_prekey
        self.connection.execute(
            "REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account.number,
                device.number,
                device.noise_key,
                device.identity_key,
                device.registration_id,
                signed.id,
                signed.public,
                signed.signature,
                device.key_index,
                device.keys_shared,
            ),
        )

    def delete_device(self, account: Account, device: int) -> None:
        """Forget a linked device with everything that waited for it."""
        key = (account.number, device)
        with self.transaction():
            self.connection.execute("DELETE FROM devices WHERE account = ? AND number = ?", key)
            self.connection.execute("DELETE FROM prekeys WHERE account = ? AND device = ?", key)
            self.connection.execute("DELETE FROM stanzas WHERE account = ? AND device = ?", key)

    # one-time prekeys

    def add_prekeys(self, account: Account, device: int, prekeys: Iterable[PreKey]) -> None:
        with self.transaction():
            self.connection.executemany(
                "REPLACE INTO prekeys VALUES (?, ?, ?, ?)",
                [(account.number, device, prekey.id, prekey.public) for prekey in prekeys],
            )

    def count_prekeys(self, account: Account, device: int) -> int:
        query = "SELECT count(*) FROM prekeys WHERE account = ? AND device = ?"
        return int(self.connection.execute(query, (account.number, device)).fetchone()[0])

    def take_prekey(self, account: Account, device: int) -> PreKey | None:
        """Hand out the oldest one-time prekey, once."""
        row = self.connection.execute(
            "DELETE FROM prekeys WHERE (account, device, id) IN (SELECT account, device, id FROM prekeys"
            " WHERE account = ? AND device = ? ORDER BY id LIMIT 1) RETURNING id, public",
            (account.number, device),
        ).fetchone()
        return PreKey(*row) if row else None

    # stanzas that wait for a device's acknowledgement

    def add_stanza(self, account: str, device: int, tag: str, id: str, peer: str, type: str, node: bytes) -> None:
        self.connection.execute(
            "INSERT INTO stanzas (account, device, tag, id, peer, type, node) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (account, device, tag, id, peer, type, node),
        )

    def pending_stanzas(self, account: str, device: int) -> list[bytes]:
        """The encoded nodes a device has not acknowledged, oldest first."""
        query = "SELECT node FROM stanzas WHERE account = ? AND device = ? ORDER BY position"
        return [row[0] for row in self.connection.execute(query, (account, device))]

    def settle_stanza(self, account: str, device: int, tag: str, id: str, peer: str, type: str) -> None:
        """Forget what a device has acknowledged; messages are told apart by id and peer, the rest also by type."""
        self.connection.execute(
            "DELETE FROM stanzas WHERE account = ? AND device = ? AND tag = ? AND id = ? AND peer = ?"
            " AND (tag = 'message' OR type = ?)",
            (account, device, tag, id, peer, type),
        )

    # the Signal state of the phones, in the parts an endpoint divides it into

    def load_signal(self, account: str) -> dict[str, bytes]:
        query = "SELECT name, data FROM signal_parts WHERE account = ?"
        return {name: bytes(data) for name, data in self.connection.execute(query, (account,))}

    def save_signal(self, account: str, changes: Mapping[str, bytes | None]) -> None:
        """Write the changed parts; None takes a part away."""
        with self.transaction():
            for name, data in changes.items():
                if data is None:
                    self.connection.execute("DELETE FROM signal_parts WHERE account = ? AND name = ?", (account, name))
                else:
                    self.connection.execute("REPLACE INTO signal_parts VALUES (?, ?, ?)", (account, name, data))

    # app state: patches are opaque to the server

    def patches_after(self, account: str, collection: str, version: int) -> list[bytes]:
        query = "SELECT patch FROM patches WHERE account = ? AND collection = ? AND version > ? ORDER BY version"
        return [row[0] for row in self.connection.execute(query, (account, collection, version))]

    def patch_version(self, account: str, collection: str) -> int:
        query = "SELECT coalesce(max(version), 0) FROM patches WHERE account = ? AND collection = ?"
        return int(self.connection.execute(query, (account, collection)).fetchone()[0])

    def add_patch(self, account: str, collection: str, version: int, patch: bytes) -> None:
        self.connection.execute("INSERT INTO patches VALUES (?, ?, ?, ?)", (account, collection, version, patch))
