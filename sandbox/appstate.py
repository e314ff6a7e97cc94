"""App state: the settings that an account's devices share through the server, which stores them without the key.

A collection (`critical_block`, `regular`...) is a chain of patches. Each patch proves with a hash over all that is
set (LTHash) that nobody has left one out. The constants are those of whatsmeow's appstate package.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.ciphers import DecryptionFailed, decrypt_cbc, encrypt_cbc, hkdf, hmac_sha256
from sandbox.protobufs import DecodeError, server_sync, sync_action

PUSH_NAME_COLLECTION = "critical_block"

_MAC_LENGTH = 32
_PUSH_NAME_INDEX = "setting_pushName"
_SET = server_sync.SyncdMutation.SET


class InvalidPatch(ValueError):
    """A patch that does not continue the collection, or was not made with the account's key."""


class Setting(NamedTuple):
    """One thing that a patch sets: its name with parameters, and the SyncActionValue."""

    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class AppStateKey:
    """What a phone shares with its linked devices (`messages.key_share`): an id of 6 bytes and 32 secret ones."""

    key_id: bytes
    key_data: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> AppStateKey:
        return cls(bytes(2) + os.urandom(4), os.urandom(32))

    def expand(self) -> _Keys:
        material = hkdf(self.key_data, 5 * 32, info=b"WhatsApp Mutation Keys")
        return _Keys(*(material[start : start + 32] for start in range(0, len(material), 32)))


class _Keys(NamedTuple):
    index_mac: bytes
    value: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes


@dataclass(slots=True)
class Collection:
    """Where a collection stands: its version, the hash over what is set, and the MACs the hash is made of."""

    name: str
    version: int = 0
    digest: bytes = bytes(128)
    value_macs: dict[bytes, bytes] = field(default_factory=dict)

    def set_push_name(self, key: AppStateKey, name: str, *, timestamp: int) -> bytes:
        """The next patch of `critical_block`, which gives the account its name; `timestamp` in milliseconds."""
        value = sync_action.SyncActionValue(timestamp=timestamp, pushNameSetting=sync_action.PushNameSetting(name=name))
        return self.append(key, Setting((_PUSH_NAME_INDEX,), value), version=1)

    def append(self, key: AppStateKey, setting: Setting, *, version: int) -> bytes:
        """Set one thing and give the patch that says so; `version` is that of the kind of setting."""
        keys = key.expand()
        index = json.dumps(setting.path, separators=(",", ":")).encode()
        data = sync_action.SyncActionData(index=index, value=setting.value, padding=b"", version=version)
        iv = os.urandom(16)
        sealed = iv + encrypt_cbc(keys.value, iv, data.SerializeToString())
        record = server_sync.SyncdRecord(
            index=server_sync.SyncdIndex(blob=hmac_sha256(keys.index_mac, index)),
            value=server_sync.SyncdValue(blob=sealed + _content_mac(keys, _SET, key.key_id, sealed)),
            keyID=server_sync.KeyId(ID=key.key_id),
        )
        patch = server_sync.SyncdPatch(
            version=server_sync.SyncdVersion(version=self.version + 1),
            mutations=[server_sync.SyncdMutation(operation=_SET, record=record)],
            keyID=server_sync.KeyId(ID=key.key_id),
        )
        self._advance(patch)
        patch.snapshotMAC = self._snapshot_mac(keys)
        patch.patchMAC = self._patch_mac(keys, patch)
        serialized: bytes = patch.SerializeToString()
        return serialized

    def apply(self, key: AppStateKey, serialized: bytes) -> list[Setting]:
        """Take the next patch, made by a linked device, and give what it sets. Raises InvalidPatch."""
        patch = server_sync.SyncdPatch()
        try:
            patch.ParseFromString(serialized)
        except DecodeError as error:
            raise InvalidPatch("the patch is no protobuf") from error
        if patch.HasField("version") and patch.version.version != self.version + 1:
            raise InvalidPatch(f"version {patch.version.version} does not follow {self.version}")
        keys = key.expand()
        settings = [_open(keys, key.key_id, each) for each in patch.mutations if each.operation == _SET]
        next_state = Collection(self.name, self.version, self.digest, dict(self.value_macs))
        next_state._advance(patch)
        if patch.snapshotMAC != next_state._snapshot_mac(keys) or patch.patchMAC != next_state._patch_mac(keys, patch):
            raise InvalidPatch("the patch does not continue this collection")
        self.version, self.digest, self.value_macs = next_state.version, next_state.digest, next_state.value_macs
        return settings

    def __bytes__(self) -> bytes:
        macs = {index.hex(): value.hex() for index, value in self.value_macs.items()}
        return json.dumps([self.name, self.version, self.digest.hex(), macs]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Collection:
        name, version, digest, macs = json.loads(data)
        value_macs = {bytes.fromhex(index): bytes.fromhex(value) for index, value in macs.items()}
        return cls(name, version, bytes.fromhex(digest), value_macs)

    def _advance(self, patch: Any) -> None:
        for mutation in patch.mutations:
            index = mutation.record.index.blob
            replaced = self.value_macs.pop(index, None)
            if replaced is not None:
                self.digest = _combine(self.digest, replaced, -1)
            if mutation.operation == _SET:
                added = mutation.record.value.blob[-_MAC_LENGTH:]
                self.digest = _combine(self.digest, added, 1)
                self.value_macs[index] = added
        self.version += 1

    def _snapshot_mac(self, keys: _Keys) -> bytes:
        return hmac_sha256(keys.snapshot_mac, self.digest + struct.pack(">Q", self.version) + self.name.encode())

    def _patch_mac(self, keys: _Keys, patch: Any) -> bytes:
        macs = b"".join(mutation.record.value.blob[-_MAC_LENGTH:] for mutation in patch.mutations)
        message = patch.snapshotMAC + macs + struct.pack(">Q", self.version) + self.name.encode()
        return hmac_sha256(keys.patch_mac, message)


def push_name_in(settings: list[Setting]) -> str | None:
    """The name that the settings of a patch give to the account."""
    names = [setting.value.pushNameSetting.name for setting in settings if setting.path[:1] == (_PUSH_NAME_INDEX,)]
    return names[-1] if names else None


def _open(keys: _Keys, key_id: bytes, mutation: Any) -> Setting:
    blob = mutation.record.value.blob
    sealed, mac = blob[:-_MAC_LENGTH], blob[-_MAC_LENGTH:]
    if mac != _content_mac(keys, mutation.operation, key_id, sealed):
        raise InvalidPatch("a setting was not made with the account's key")
    data = sync_action.SyncActionData()
    try:
        data.ParseFromString(decrypt_cbc(keys.value, sealed[:16], sealed[16:]))
    except (DecryptionFailed, DecodeError) as error:
        raise InvalidPatch("a setting cannot be read") from error
    if mutation.record.index.blob != hmac_sha256(keys.index_mac, data.index):
        raise InvalidPatch("a setting is filed under another name")
    return Setting(tuple(json.loads(data.index)), data.value)


def _content_mac(keys: _Keys, operation: int, key_id: bytes, sealed: bytes) -> bytes:
    message = bytes([operation + 1]) + key_id + sealed + struct.pack(">Q", len(key_id) + 1)
    return hmac.digest(keys.value_mac, message, hashlib.sha512)[:_MAC_LENGTH]


def _combine(digest: bytes, value_mac: bytes, sign: int) -> bytes:
    """LTHash: add (or subtract) the expanded MAC as 64 little-endian numbers of 16 bits."""
    expanded = hkdf(value_mac, len(digest), info=b"WhatsApp Patch Integrity")
    pairs = zip(struct.unpack("<64H", digest), struct.unpack("<64H", expanded), strict=True)
    return struct.pack("<64H", *((ours + sign * theirs) & 0xFFFF for ours, theirs in pairs))
