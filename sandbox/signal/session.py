"""One Signal session, and the line of sessions that an endpoint keeps for one address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.ciphers import DecryptionFailed, decrypt_cbc, encrypt_cbc
from sandbox.keys import InvalidKey, KeyPair
from sandbox.signal.chains import ReceivingChain, SendingChain
from sandbox.signal.errors import DuplicateMessage, InvalidMessage, SignalError
from sandbox.signal.ratchet import ChainStart, expand_seed, step_root
from sandbox.signal.wire import SignalMessage

MAX_RECEIVING_CHAINS = 5
MAX_ARCHIVED = 40


class PendingPreKey(NamedTuple):
    """What every message of an initiator carries until the other side has answered."""

    one_time_id: int | None
    signed_id: int


@dataclass(slots=True)
class Session:
    """The double ratchet with one device; `base_key` (the initiator's) tells sessions of one address apart."""

    our_identity: bytes
    their_identity: bytes
    base_key: bytes
    root_key: bytes
    sending: SendingChain
    receiving: list[ReceivingChain]
    previous_counter: int = 0
    pending: PendingPreKey | None = None

    @classmethod
    def start_as_initiator(
        cls,
        start: ChainStart,
        *,
        our_identity: bytes,
        their_identity: bytes,
        base_key: bytes,
        their_signed: bytes,
        pending: PendingPreKey,
    ) -> Session:
        """The initiator turns the ratchet at once, taking the signed prekey for the other's first ratchet key."""
        ratchet = KeyPair.generate()
        turned = step_root(start.root_key, ratchet.private, their_signed)
        sending = SendingChain(ratchet, turned.chain_key)
        receiving = [ReceivingChain(their_signed, start.chain_key)]
        return cls(our_identity, their_identity, base_key, turned.root_key, sending, receiving, pending=pending)

    @classmethod
    def start_as_responder(
        cls, start: ChainStart, *, our_identity: bytes, their_identity: bytes, base_key: bytes, our_signed: KeyPair
    ) -> Session:
        sending = SendingChain(our_signed, start.chain_key)
        return cls(our_identity, their_identity, base_key, start.root_key, sending, [])

    def encrypt(self, plaintext: bytes) -> SignalMessage:
        counter, seed = self.sending.advance()
        keys = expand_seed(seed)
        return SignalMessage.build(
            ratchet_key=self.sending.ratchet.public,
            counter=counter,
            previous_counter=self.previous_counter,
            ciphertext=encrypt_cbc(keys.cipher_key, keys.iv, plaintext),
            mac_key=keys.mac_key,
            sender_identity=self.our_identity,
            receiver_identity=self.their_identity,
        )

    def decrypt(self, message: SignalMessage) -> bytes:
        """Changes nothing unless the message is authentic. Raises InvalidMessage or DuplicateMessage."""
        chain = next((each for each in self.receiving if each.ratchet_key == message.ratchet_key), None)
        turned: ChainStart | None = None
        if chain is None:
            try:
                turned = step_root(self.root_key, self.sending.ratchet.private, message.ratchet_key)
            except InvalidKey as error:
                raise InvalidMessage("the ratchet key is no usable key") from error
            chain = ReceivingChain(message.ratchet_key, turned.chain_key)
        advance = chain.look_up(message.counter)
        keys = expand_seed(advance.seed)
        if not message.is_authentic(keys.mac_key, self.their_identity, self.our_identity):
            raise InvalidMessage("the message does not belong to this session")
        try:
            plaintext = decrypt_cbc(keys.cipher_key, keys.iv, message.ciphertext)
        except DecryptionFailed as error:
            raise InvalidMessage("the message is authentic but cannot be decrypted") from error
        if turned is not None:
            self._turn(chain, turned.root_key)
        chain.commit(advance)
        self.pending = None
        return plaintext

    def _turn(self, chain: ReceivingChain, root_key: bytes) -> None:
        self.receiving = [*self.receiving, chain][-MAX_RECEIVING_CHAINS:]
        self.previous_counter = max(self.sending.index - 1, 0)
        ratchet = KeyPair.generate()
        self.root_key, chain_key = step_root(root_key, ratchet.private, chain.ratchet_key)
        self.sending = SendingChain(ratchet, chain_key)

    def dump(self) -> dict[str, Any]:
        return {
            "our_identity": self.our_identity.hex(),
            "their_identity": self.their_identity.hex(),
            "base_key": self.base_key.hex(),
            "root_key": self.root_key.hex(),
            "sending": self.sending.dump(),
            "receiving": [chain.dump() for chain in self.receiving],
            "previous_counter": self.previous_counter,
            "pending": self.pending,
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Session:
        return cls(
            our_identity=bytes.fromhex(data["our_identity"]),
            their_identity=bytes.fromhex(data["their_identity"]),
            base_key=bytes.fromhex(data["base_key"]),
            root_key=bytes.fromhex(data["root_key"]),
            sending=SendingChain.load(data["sending"]),
            receiving=[ReceivingChain.load(chain) for chain in data["receiving"]],
            previous_counter=data["previous_counter"],
            pending=None if data["pending"] is None else PendingPreKey(*data["pending"]),
        )


class Sessions:
    """All sessions with one address, the current one first.

    Both sides may begin a session at the same moment, and a side that lost its state begins another: the older ones
    stay usable for decrypting, and the one that last decrypted something becomes current, so both sides converge.
    """

    def __init__(self, sessions: list[Session]) -> None:
        self._sessions = sessions

    @property
    def current(self) -> Session:
        return self._sessions[0]

    @property
    def their_identity(self) -> bytes:
        return self.current.their_identity

    def began_with(self, base_key: bytes) -> bool:
        return any(session.base_key == base_key for session in self._sessions)

    def add(self, session: Session) -> None:
        """Make a new session the current one."""
        self._sessions = [session, *self._sessions][: 1 + MAX_ARCHIVED]

    def decrypt(self, message: SignalMessage) -> bytes:
        """Try the current session, then the archived ones. Raises DuplicateMessage or InvalidMessage."""
        failure: SignalError = InvalidMessage("no session with the sender can authenticate the message")
        for session in self._sessions:
            try:
                plaintext = session.decrypt(message)
            except DuplicateMessage as error:
                failure = error
            except InvalidMessage:
                continue
            else:
                self._sessions.remove(session)
                self._sessions.insert(0, session)
                return plaintext
        raise failure

    def dump(self) -> list[dict[str, Any]]:
        return [session.dump() for session in self._sessions]

    @classmethod
    def load(cls, data: list[dict[str, Any]]) -> Sessions:
        return cls([Session.load(session) for session in data])
