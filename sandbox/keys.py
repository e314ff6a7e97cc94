"""X25519 key pairs and the XEdDSA signatures made with them: the only asymmetric cryptography WhatsApp uses.

Everything here speaks raw 32-byte keys; `typed` and `untyped` add and remove libsignal's type byte.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError

KEY_TYPE = b"\x05"  # libsignal's DjbType: the prefix of every Curve25519 key that is written or signed

_SIGN_BIT = 0x80


class InvalidKey(ValueError):
    """Bytes that are no usable Curve25519 key."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A Curve25519 key pair; `private` is the clamped scalar, both are 32 bytes."""

    private: bytes = field(repr=False)
    public: bytes

    @classmethod
    def generate(cls) -> KeyPair:
        return cls.from_private(os.urandom(32))

    @classmethod
    def from_private(cls, private: bytes) -> KeyPair:
        """Rebuild a pair from its private half, which is also its serialised form. Raises InvalidKey."""
        if len(private) != 32:
            raise InvalidKey(f"a private key has 32 bytes, not {len(private)}")
        scalar = bytearray(private)
        scalar[0] &= 248
        scalar[31] = (scalar[31] & 127) | 64
        clamped = bytes(scalar)
        return cls(clamped, bindings.crypto_scalarmult_base(clamped))

    def __bytes__(self) -> bytes:
        return self.private


def dh(private: bytes, public: bytes) -> bytes:
    """X25519: the 32 bytes both sides can compute. Raises InvalidKey for wrong lengths and low-order points."""
    if len(private) != 32 or len(public) != 32:
        raise InvalidKey("X25519 takes two keys of 32 bytes")
    try:
        return bindings.crypto_scalarmult(private, public)
    except CryptoError as error:
        raise InvalidKey("the public key is a low-order point") from error


def typed(public: bytes) -> bytes:
    """The 33-byte form of a public key that libsignal writes, signs and authenticates."""
    return KEY_TYPE + public


def untyped(public: bytes) -> bytes:
    """The raw 32 bytes of a public key in libsignal's 33-byte form. Raises InvalidKey."""
    if len(public) != 33 or public[:1] != KEY_TYPE:
        raise InvalidKey("a typed public key has 33 bytes and begins with 0x05")
    return public[1:]


def sign(private: bytes, message: bytes) -> bytes:
    """XEdDSA signature of 64 bytes, in libsignal's flavour.

    The Edwards key is not negated to sign bit 0 as the XEdDSA paper does it; its sign bit travels in the top bit of
    the signature instead (curve25519_sign of libsignal-protocol-c).
    """
    secret = bindings.crypto_core_ed25519_scalar_reduce(private + bytes(32))
    edwards = bindings.crypto_scalarmult_ed25519_base_noclamp(private)
    nonce = _hash_to_scalar(b"\xfe" + b"\xff" * 31, private, message, os.urandom(64))
    commitment = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = _hash_to_scalar(commitment, edwards, message)
    product = bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    response = bytearray(bindings.crypto_core_ed25519_scalar_add(nonce, product))
    response[31] |= edwards[31] & _SIGN_BIT
    return commitment + bytes(response)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` over `message` was made with the private half of `public` (raw, 32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    edwards = bytearray(_montgomery_to_edwards(public))
    edwards[31] |= signature[63] & _SIGN_BIT
    plain = signature[:63] + bytes([signature[63] & ~_SIGN_BIT])
    try:
        bindings.crypto_sign_open(plain + message, bytes(edwards))
    except BadSignatureError:
        return False
    return True


def _hash_to_scalar(*parts: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"".join(parts)).digest())


def _montgomery_to_edwards(public: bytes) -> bytes:
    """The y coordinate (sign bit 0) of a Montgomery u coordinate: y = (u - 1) / (u + 1), RFC 7748 section 4.1."""
    prime = 2**255 - 19
    u = int.from_bytes(public, "little") % 2**255
    return ((u - 1) * pow(u + 1, prime - 2, prime) % prime).to_bytes(32, "little")
