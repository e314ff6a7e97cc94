"""The Signal messages as bytes: a version byte, a protobuf and what authenticates it: a MAC of 8 bytes between two
devices, a signature of 64 from a device to a group.

Field numbers are those of WhisperTextProtocol.proto (libsignal-protocol-c).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.ciphers import hmac_sha256
from sandbox.keys import InvalidKey, typed, untyped
from sandbox.signal.errors import InvalidMessage

MAC_LENGTH = 8
SIGNATURE_LENGTH = 64

_VERSION = 0x33  # current version in the high nibble, lowest version understood in the low one
_VARINT, _BYTES = 0, 2


@dataclass(frozen=True, slots=True)
class SignalMessage:
    """A message inside a session; `signed` is what the MAC covers, `serialized` what travels."""

    ratchet_key: bytes
    counter: int
    ciphertext: bytes
    signed: bytes
    mac: bytes

    @property
    def serialized(self) -> bytes:
        return self.signed + self.mac

    @classmethod
    def build(
        cls,
        *,
        ratchet_key: bytes,
        counter: int,
        previous_counter: int,
        ciphertext: bytes,
        mac_key: bytes,
        sender_identity: bytes,
        receiver_identity: bytes,
    ) -> SignalMessage:
        signed = bytes([_VERSION]) + _encode(
            [(1, typed(ratchet_key)), (2, counter), (3, previous_counter), (4, ciphertext)]
        )
        mac = _mac(mac_key, sender_identity, receiver_identity, signed)
        return cls(ratchet_key, counter, ciphertext, signed, mac)

    @classmethod
    def parse(cls, data: bytes) -> SignalMessage:
        """Raises InvalidMessage."""
        _check_version(data)
        signed, mac = data[:-MAC_LENGTH], data[-MAC_LENGTH:]
        fields = _decode(signed[1:])
        return cls(_key(fields, 1), _number(fields, 2), _bytes(fields, 4), signed, mac)

    def is_authentic(self, mac_key: bytes, sender_identity: bytes, receiver_identity: bytes) -> bool:
        return self.mac == _mac(mac_key, sender_identity, receiver_identity, self.signed)


@dataclass(frozen=True, slots=True)
class PreKeySignalMessage:
    """A message that opens a session: it carries what the receiver needs to compute the same secret."""

    registration_id: int
    one_time_id: int | None
    signed_id: int
    base_key: bytes
    identity: bytes
    message: SignalMessage

    @property
    def serialized(self) -> bytes:
        fields: list[tuple[int, int | bytes]] = [] if self.one_time_id is None else [(1, self.one_time_id)]
        fields += [(2, typed(self.base_key)), (3, typed(self.identity)), (4, self.message.serialized)]
        fields += [(5, self.registration_id), (6, self.signed_id)]
        return bytes([_VERSION]) + _encode(fields)

    @classmethod
    def parse(cls, data: bytes) -> PreKeySignalMessage:
        """Raises InvalidMessage."""
        _check_version(data)
        fields = _decode(data[1:])
        return cls(
            registration_id=_number(fields, 5),
            one_time_id=_number(fields, 1) or None,
            signed_id=_number(fields, 6),
            base_key=_key(fields, 2),
            identity=_key(fields, 3),
            message=SignalMessage.parse(_bytes(fields, 4)),
        )


@dataclass(frozen=True, slots=True)
class SenderKeyMessage:
    """A message to a group; the signature of its sender's key follows `signed`."""

    id: int
    iteration: int
    ciphertext: bytes
    signature: bytes = b""

    @property
    def signed(self) -> bytes:
        return bytes([_VERSION]) + _encode([(1, self.id), (2, self.iteration), (3, self.ciphertext)])

    @classmethod
    def parse(cls, data: bytes) -> SenderKeyMessage:
        """Raises InvalidMessage, also where the bytes are not those that `signed` gives back."""
        _check_version(data)
        body, signature = data[:-SIGNATURE_LENGTH], data[-SIGNATURE_LENGTH:]
        fields = _decode(body[1:])
        message = cls(_number(fields, 1), _number(fields, 2), _bytes(fields, 3), signature)
        if message.signed != body:
            raise InvalidMessage("the message is written in an unusual way")
        return message


@dataclass(frozen=True, slots=True)
class SenderKeyDistribution:
    """The sender key of a device, from an iteration on: it travels inside messages between two devices."""

    id: int
    iteration: int
    chain_key: bytes
    signing_key: bytes

    @property
    def serialized(self) -> bytes:
        fields: list[tuple[int, int | bytes]] = [(1, self.id), (2, self.iteration), (3, self.chain_key)]
        return bytes([_VERSION]) + _encode([*fields, (4, typed(self.signing_key))])

    @classmethod
    def parse(cls, data: bytes) -> SenderKeyDistribution:
        """Raises InvalidMessage."""
        _check_version(data)
        fields = _decode(data[1:])
        return cls(_number(fields, 1), _number(fields, 2), _bytes(fields, 3), _key(fields, 4))


def _mac(mac_key: bytes, sender_identity: bytes, receiver_identity: bytes, signed: bytes) -> bytes:
    return hmac_sha256(mac_key, typed(sender_identity) + typed(receiver_identity) + signed)[:MAC_LENGTH]


def _check_version(data: bytes) -> None:
    if len(data) <= 1 + MAC_LENGTH:
        raise InvalidMessage("the message is too short")
    if data[0] >> 4 != 3:
        raise InvalidMessage(f"version {data[0] >> 4} of the protocol is not spoken here")


def _number(fields: dict[int, int | bytes], tag: int) -> int:
    value = fields.get(tag, 0)
    if not isinstance(value, int):
        raise InvalidMessage(f"field {tag} is no number")
    return value


def _bytes(fields: dict[int, int | bytes], tag: int) -> bytes:
    value = fields.get(tag)
    if not isinstance(value, bytes):
        raise InvalidMessage(f"field {tag} is missing")
    return value


def _key(fields: dict[int, int | bytes], tag: int) -> bytes:
    try:
        return untyped(_bytes(fields, tag))
    except InvalidKey as error:
        raise InvalidMessage(f"field {tag} is no key") from error


def _encode(fields: Iterable[tuple[int, int | bytes]]) -> bytes:
    output = bytearray()
    for tag, value in fields:
        if isinstance(value, int):
            output += _varint(tag << 3 | _VARINT) + _varint(value)
        else:
            output += _varint(tag << 3 | _BYTES) + _varint(len(value)) + value
    return bytes(output)


def _varint(value: int) -> bytes:
    output = bytearray()
    while value > 0x7F:
        output.append(value & 0x7F | 0x80)
        value >>= 7
    output.append(value)
    return bytes(output)


def _decode(data: bytes) -> dict[int, int | bytes]:
    fields: dict[int, int | bytes] = {}
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if key & 7 == _VARINT:
            fields[key >> 3] = value
        elif key & 7 == _BYTES and position + value <= len(data):
            fields[key >> 3] = data[position : position + value]
            position += value
        else:
            raise InvalidMessage("the protobuf is broken")
    return fields


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise InvalidMessage("the protobuf is broken")
