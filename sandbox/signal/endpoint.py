"""A Signal endpoint: one device's identity, prekeys and sessions, as libsignal and its stores would keep them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.keys import InvalidKey, KeyPair, sign, typed, verify
from sandbox.signal.errors import InvalidBundle, InvalidMessage, NoSession, UnknownPreKey
from sandbox.signal.ratchet import agree_as_initiator, agree_as_responder
from sandbox.signal.session import PendingPreKey, Session, Sessions
from sandbox.signal.wire import PreKeySignalMessage, SignalMessage

PREKEY_MESSAGE = "pkmsg"
MESSAGE = "msg"

_SIGNED_ID = 1
_MAX_ONE_TIME_ID = 0xFFFFFE  # 24 bits; libsignal takes 0xFFFFFF for "none" and whatsmeow takes 0 for it
_MAX_ONE_TIME_KEYS = 1000  # handed out and never used; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class PreKeyBundle:
    """What anybody needs to write first to a device; keys are raw (32 bytes), the signature is over the typed key."""

    registration_id: int
    identity: bytes
    signed_id: int
    signed_key: bytes
    signature: bytes
    one_time_id: int | None = None
    one_time_key: bytes | None = None


class Endpoint:
    """Encrypts to and decrypts from addresses, which are any strings that tell devices apart.

    The state is kept in named parts, so that storing what one message changed does not rewrite all of it.
    """

    def __init__(self, identity: KeyPair, signed: KeyPair, registration_id: int, next_one_time_id: int) -> None:
        self.identity = identity
        self.registration_id = registration_id
        self._signed = signed
        self._next_one_time_id = next_one_time_id
        self._one_time: dict[int, KeyPair] = {}
        self._sessions: dict[str, Sessions] = {}
        self._changed: set[str] = set()

    @classmethod
    def create(cls, identity: KeyPair | None = None) -> Endpoint:
        """A new device; a phone's identity is its account key."""
        endpoint = cls(identity or KeyPair.generate(), KeyPair.generate(), secrets.randbelow(0x3FFE) + 1, 1)
        endpoint._changed.add("device")
        return endpoint

    def bundle(self) -> PreKeyBundle:
        """A bundle with a one-time prekey of its own, made for this call."""
        one_time_id, one_time = self._next_one_time_id, KeyPair.generate()
        self._next_one_time_id = one_time_id % _MAX_ONE_TIME_ID + 1
        self._one_time[one_time_id] = one_time
        self._changed |= {"device", f"prekey:{one_time_id}"}
        if len(self._one_time) > _MAX_ONE_TIME_KEYS:
            self._drop_one_time(next(iter(self._one_time)))
        return PreKeyBundle(
            registration_id=self.registration_id,
            identity=self.identity.public,
            signed_id=_SIGNED_ID,
            signed_key=self._signed.public,
            signature=sign(self.identity.private, typed(self._signed.public)),
            one_time_id=one_time_id,
            one_time_key=one_time.public,
        )

    def has_session(self, address: str) -> bool:
        return address in self._sessions

    def identity_of(self, address: str) -> bytes | None:
        """The identity key the sessions with this address are bound to."""
        sessions = self._sessions.get(address)
        return sessions.their_identity if sessions else None

    def open_session(self, address: str, bundle: PreKeyBundle) -> None:
        """Begin a session, whatever there was before; a changed identity ends all sessions with the old one.

        Raises InvalidBundle.
        """
        if not verify(bundle.identity, typed(bundle.signed_key), bundle.signature):
            raise InvalidBundle("the signed prekey was not signed by the identity key")
        base = KeyPair.generate()
        try:
            start = agree_as_initiator(
                identity=self.identity,
                base=base,
                their_identity=bundle.identity,
                their_signed=bundle.signed_key,
                their_one_time=bundle.one_time_key,
            )
        except InvalidKey as error:
            raise InvalidBundle("the bundle has a key that cannot be used") from error
        session = Session.start_as_initiator(
            start,
            our_identity=self.identity.public,
            their_identity=bundle.identity,
            base_key=base.public,
            their_signed=bundle.signed_key,
            pending=PendingPreKey(bundle.one_time_id, bundle.signed_id),
        )
        self._add(address, session)

    def encrypt(self, address: str, plaintext: bytes) -> tuple[str, bytes]:
        """(`pkmsg` or `msg`, ciphertext). Raises NoSession."""
        session = self._sessions_with(address).current
        message = session.encrypt(plaintext)
        self._changed.add(f"session:{address}")
        if session.pending is None:
            return MESSAGE, message.serialized
        opening = PreKeySignalMessage(
            registration_id=self.registration_id,
            one_time_id=session.pending.one_time_id,
            signed_id=session.pending.signed_id,
            base_key=session.base_key,
            identity=self.identity.public,
            message=message,
        )
        return PREKEY_MESSAGE, opening.serialized

    def decrypt(self, address: str, kind: str, ciphertext: bytes) -> bytes:
        """Decrypt a `pkmsg` or `msg`; the state changes only if that succeeds. Raises SignalError."""
        if kind == PREKEY_MESSAGE:
            opening = PreKeySignalMessage.parse(ciphertext)
            sessions = self._sessions.get(address)
            known = sessions is not None and sessions.their_identity == opening.identity
            if not known or not self._sessions[address].began_with(opening.base_key):
                return self._answer(address, opening)
            message = opening.message
        elif kind == MESSAGE:
            message = SignalMessage.parse(ciphertext)
        else:
            raise InvalidMessage(f"{kind} is no kind of message between two devices")
        plaintext = self._sessions_with(address).decrypt(message)
        self._changed.add(f"session:{address}")
        return plaintext

    def forget(self, address: str) -> None:
        """End all sessions with a device that is no more."""
        if self._sessions.pop(address, None) is not None:
            self._changed.add(f"session:{address}")

    def changes(self) -> dict[str, bytes | None]:
        """The parts of the state that changed since the last call, by name; None stands for a part that went."""
        changed, self._changed = self._changed, set()
        return {name: self._dump(name) for name in changed}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Endpoint:
        """Rebuild an endpoint from all parts that `changes` ever gave and did not take back."""
        device = json.loads(parts["device"])
        endpoint = cls(
            identity=KeyPair.from_private(bytes.fromhex(device["identity"])),
            signed=KeyPair.from_private(bytes.fromhex(device["signed"])),
            registration_id=device["registration_id"],
            next_one_time_id=device["next_one_time_id"],
        )
        for name, data in parts.items():
            kind, _, key = name.partition(":")
            if kind == "prekey":
                endpoint._one_time[int(key)] = KeyPair.from_private(data)
            elif kind == "session":
                endpoint._sessions[key] = Sessions.load(json.loads(data))
        return endpoint

    def _answer(self, address: str, opening: PreKeySignalMessage) -> bytes:
        """Take part in the session that the sender of `opening` began."""
        if opening.signed_id != _SIGNED_ID:
            raise UnknownPreKey(f"there is no signed prekey {opening.signed_id}")
        one_time = None
        if opening.one_time_id is not None:
            one_time = self._one_time.get(opening.one_time_id)
            if one_time is None:
                raise UnknownPreKey(f"there is no one-time prekey {opening.one_time_id}")
        try:
            start = agree_as_responder(
                identity=self.identity,
                signed=self._signed,
                one_time=one_time,
                their_identity=opening.identity,
                their_base=opening.base_key,
            )
        except InvalidKey as error:
            raise InvalidMessage("the message has a key that cannot be used") from error
        session = Session.start_as_responder(
            start,
            our_identity=self.identity.public,
            their_identity=opening.identity,
            base_key=opening.base_key,
            our_signed=self._signed,
        )
        plaintext = session.decrypt(opening.message)
        self._add(address, session)
        if opening.one_time_id is not None:
            self._drop_one_time(opening.one_time_id)
        return plaintext

    def _add(self, address: str, session: Session) -> None:
        sessions = self._sessions.get(address)
        if sessions is None or sessions.their_identity != session.their_identity:
            self._sessions[address] = Sessions([session])
        else:
            sessions.add(session)
        self._changed.add(f"session:{address}")

    def _sessions_with(self, address: str) -> Sessions:
        if address not in self._sessions:
            raise NoSession(f"there is no session with {address}")
        return self._sessions[address]

    def _drop_one_time(self, one_time_id: int) -> None:
        del self._one_time[one_time_id]
        self._changed.add(f"prekey:{one_time_id}")

    def _dump(self, name: str) -> bytes | None:
        kind, _, key = name.partition(":")
        if kind == "prekey":
            one_time = self._one_time.get(int(key))
            return one_time.private if one_time else None
        if kind == "session":
            sessions = self._sessions.get(key)
            return json.dumps(sessions.dump()).encode() if sessions else None
        device = {
            "identity": self.identity.private.hex(),
            "signed": self._signed.private.hex(),
            "registration_id": self.registration_id,
            "next_one_time_id": self._next_one_time_id,
        }
        return json.dumps(device).encode()
