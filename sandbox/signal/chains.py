"""The message chains of a session: the keys of messages to come, and those of messages that are late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.keys import KeyPair
from sandbox.signal.errors import DuplicateMessage, InvalidMessage
from sandbox.signal.ratchet import step_chain

MAX_SKIPPED = 2000  # both how far a message may be ahead and how many late keys a chain keeps, as in libsignal


@dataclass(frozen=True, slots=True)
class Advance:
    """What receiving one message would change; nothing has been changed yet."""

    counter: int
    seed: bytes
    key: bytes
    index: int
    skipped: dict[int, bytes]


@dataclass(slots=True)
class SendingChain:
    """Our half: `index` is the counter of the next message."""

    ratchet: KeyPair
    key: bytes
    index: int = 0

    def advance(self) -> tuple[int, bytes]:
        """Take the next message's counter and seed."""
        counter = self.index
        seed, self.key = step_chain(self.key)
        self.index += 1
        return counter, seed

    def dump(self) -> dict[str, Any]:
        return {"ratchet": self.ratchet.private.hex(), "key": self.key.hex(), "index": self.index}

    @classmethod
    def load(cls, data: dict[str, Any]) -> SendingChain:
        ratchet = KeyPair.from_private(bytes.fromhex(data["ratchet"]))
        return cls(ratchet, bytes.fromhex(data["key"]), data["index"])


@dataclass(slots=True)
class ReceivingChain:
    """Their half, for one of their ratchet keys; `skipped` has the seeds of messages that were overtaken."""

    ratchet_key: bytes
    key: bytes
    index: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def look_up(self, counter: int) -> Advance:
        """Find a message's seed without changing the chain, as the message is not authenticated yet.

        Raises DuplicateMessage for a used counter and InvalidMessage for one too far ahead.
        """
        if counter < self.index:
            if counter not in self.skipped:
                raise DuplicateMessage(f"message {counter} of this chain was received before")
            return Advance(counter, self.skipped[counter], self.key, self.index, {})
        if counter - self.index > MAX_SKIPPED:
            raise InvalidMessage(f"message {counter} is too far ahead of {self.index}")
        key, skipped = self.key, {}
        for index in range(self.index, counter):
            skipped[index], key = step_chain(key)
        seed, key = step_chain(key)
        return Advance(counter, seed, key, counter + 1, skipped)

    def commit(self, advance: Advance) -> None:
        self.key, self.index = advance.key, advance.index
        self.skipped.update(advance.skipped)
        self.skipped.pop(advance.counter, None)
        while len(self.skipped) > MAX_SKIPPED:
            del self.skipped[next(iter(self.skipped))]

    def dump(self) -> dict[str, Any]:
        return {
            "ratchet_key": self.ratchet_key.hex(),
            "key": self.key.hex(),
            "index": self.index,
            "skipped": {str(counter): seed.hex() for counter, seed in self.skipped.items()},
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> ReceivingChain:
        skipped = {int(counter): bytes.fromhex(seed) for counter, seed in data["skipped"].items()}
        return cls(bytes.fromhex(data["ratchet_key"]), bytes.fromhex(data["key"]), data["index"], skipped)
