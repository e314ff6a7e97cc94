"""Sender keys: one chain per device and group, so that a message to many is encrypted once (libsignal's groups).

A device writes with a key of its own, and reads with those that the others have distributed to it, each inside its
Signal session with them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.ciphers import DecryptionFailed, decrypt_cbc, encrypt_cbc, hkdf
from sandbox.keys import KeyPair, sign, verify
from sandbox.signal.chains import ReceivingChain
from sandbox.signal.errors import InvalidMessage, NoSession
from sandbox.signal.ratchet import step_chain
from sandbox.signal.wire import SenderKeyDistribution, SenderKeyMessage

PART_PREFIX = "sender-key:"

_MAX_KEYS = 5  # keys remembered per device and group, as in libsignal


@dataclass(slots=True)
class _OwnKey:
    """What this device writes to a group with; `holders` are the devices that were given it."""

    id: int
    signing: KeyPair
    chain_key: bytes
    iteration: int = 0
    holders: set[str] = field(default_factory=set)

    @classmethod
    def generate(cls) -> _OwnKey:
        return cls(secrets.randbelow(2**31 - 1) + 1, KeyPair.generate(), secrets.token_bytes(32))

    def dump(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "signing": self.signing.private.hex(),
            "chain_key": self.chain_key.hex(),
            "iteration": self.iteration,
            "holders": sorted(self.holders),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> _OwnKey:
        signing = KeyPair.from_private(bytes.fromhex(data["signing"]))
        return cls(data["id"], signing, bytes.fromhex(data["chain_key"]), data["iteration"], set(data["holders"]))


class SenderKeys:
    """All sender keys of one device. The state is kept in named parts, as that of an endpoint is."""

    def __init__(self) -> None:
        self._own: dict[str, _OwnKey] = {}
        # (group, address) -> key id -> chain, the latest key last; a chain's ratchet key is the signing key here.
        self._others: dict[tuple[str, str], dict[int, ReceivingChain]] = {}
        self._changed: set[str] = set()

    def lacking(self, group: str, members: Iterable[str]) -> set[str]:
        """The members' devices that cannot read this device yet.

        A device that was given the key and is no member any more must not read on: then the key is made anew, and
        everybody lacks it.
        """
        wanted = set(members)
        own = self._own.get(group)
        if own is None or not own.holders <= wanted:
            own = self._own[group] = _OwnKey.generate()
            self._changed.add(_own_part(group))
        return wanted - own.holders

    def distribution(self, group: str, receivers: Iterable[str]) -> bytes:
        """What these devices need in order to read this one from now on. Call `lacking` before. Raises NoSession."""
        own = self._own_key(group)
        own.holders |= set(receivers)
        self._changed.add(_own_part(group))
        return SenderKeyDistribution(own.id, own.iteration, own.chain_key, own.signing.public).serialized

    def encrypt(self, group: str, plaintext: bytes) -> bytes:
        """The one ciphertext for a whole group. Raises NoSession."""
        own = self._own_key(group)
        seed, following = step_chain(own.chain_key)
        iv, key = _expand(seed)
        unsigned = SenderKeyMessage(own.id, own.iteration, encrypt_cbc(key, iv, plaintext)).signed
        own.chain_key, own.iteration = following, own.iteration + 1
        self._changed.add(_own_part(group))
        return unsigned + sign(own.signing.private, unsigned)

    def learn(self, group: str, address: str, distribution: bytes) -> None:
        """Take another device's key, which it may distribute again at any time. Raises InvalidMessage."""
        given = SenderKeyDistribution.parse(distribution)
        keys = self._others.setdefault((group, address), {})
        known = keys.pop(given.id, None)
        if known is None or known.ratchet_key != given.signing_key:
            known = ReceivingChain(given.signing_key, given.chain_key, given.iteration)
        keys[given.id] = known
        while len(keys) > _MAX_KEYS:
            del keys[next(iter(keys))]
        self._changed.add(_other_part(group, address))

    def decrypt(self, group: str, address: str, ciphertext: bytes) -> bytes:
        """Raises NoSession when the sender's key is not here, InvalidMessage and DuplicateMessage."""
        message = SenderKeyMessage.parse(ciphertext)
        chain = self._others.get((group, address), {}).get(message.id)
        if chain is None:
            raise NoSession(f"the sender key of {address} in {group} is not known")
        if not verify(chain.ratchet_key, message.signed, message.signature):
            raise InvalidMessage("the message was not signed with its sender's key")
        advance = chain.look_up(message.iteration)
        iv, key = _expand(advance.seed)
        try:
            plaintext = decrypt_cbc(key, iv, message.ciphertext)
        except DecryptionFailed as error:
            raise InvalidMessage("the ciphertext is broken") from error
        chain.commit(advance)
        self._changed.add(_other_part(group, address))
        return plaintext

    def forget(self, group: str) -> None:
        """Drop the own key for a group, as somebody does who has left it."""
        if self._own.pop(group, None) is not None:
            self._changed.add(_own_part(group))

    def changes(self) -> dict[str, bytes | None]:
        """The parts of the state that changed since the last call, by name; None stands for a part that went."""
        changed, self._changed = self._changed, set()
        return {name: self._dump(name) for name in changed}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> SenderKeys:
        """Rebuild from what `changes` gave; parts of other names are somebody else's."""
        keys = cls()
        for name, data in parts.items():
            if not name.startswith(PART_PREFIX):
                continue
            group, _, address = name.removeprefix(PART_PREFIX).partition("|")
            if address:
                chains = json.loads(data)
                keys._others[group, address] = {int(id): ReceivingChain.load(chain) for id, chain in chains}
            else:
                keys._own[group] = _OwnKey.load(json.loads(data))
        return keys

    def _own_key(self, group: str) -> _OwnKey:
        if group not in self._own:
            raise NoSession(f"there is no own sender key for {group}")
        return self._own[group]

    def _dump(self, name: str) -> bytes | None:
        group, _, address = name.removeprefix(PART_PREFIX).partition("|")
        if address:
            chains = self._others[group, address]
            return json.dumps([(id, chain.dump()) for id, chain in chains.items()]).encode()
        own = self._own.get(group)
        return json.dumps(own.dump()).encode() if own else None


def _own_part(group: str) -> str:
    return PART_PREFIX + group


def _other_part(group: str, address: str) -> str:
    return f"{PART_PREFIX}{group}|{address}"


def _expand(seed: bytes) -> tuple[bytes, bytes]:
    """(iv, key) of one message."""
    material = hkdf(seed, 48, info=b"WhisperGroup")
    return material[:16], material[16:]
