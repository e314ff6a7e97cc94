"""The phone's side of linking by code: eight characters protect an exchange of ephemeral keys.

The scheme is that of whatsmeow's pair-code.go. PBKDF2 makes `answer_code` take 0.1 to 0.2 s: not for an event loop.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from sandbox.ciphers import DecryptionFailed, apply_ctr, decrypt_gcm, hkdf
from sandbox.keys import InvalidKey, KeyPair, dh

_ALPHABET = frozenset("123456789ABCDEFGHJKLMNPQRSTVWXYZ")
_LENGTH = 8
_ITERATIONS = 131_072
_WRAPPED_LENGTH = 80  # salt 32, first counter block 16, encrypted public key 32


class InvalidCode(ValueError):
    """A text that cannot be a pairing code."""


class WrongCode(ValueError):
    """The code is not the one the device shows, or the device's answer was tampered with."""


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What the phone sends to the device, and the secret that it keeps until the device answers."""

    wrapped_primary_ephemeral: bytes
    shared_secret: bytes = field(repr=False)


def read_code(text: str) -> str:
    """The code as the device made it, from what a person typed: any case, with or without dash and spaces.

    Raises InvalidCode.
    """
    code = "".join(text.upper().split()).replace("-", "")
    if len(code) != _LENGTH or not _ALPHABET.issuperset(code):
        raise InvalidCode("a pairing code has eight letters and digits, without 0, I, O and U")
    return code


def answer_code(code: str, wrapped_companion_ephemeral: bytes) -> CodeAnswer:
    """Unwrap the device's ephemeral key with the code and wrap one of our own with it.

    Any code unwraps to some key, so a wrong one shows only in `finish_code`. Raises WrongCode where it shows earlier:
    the length is wrong or the key is a low-order point.
    """
    if len(wrapped_companion_ephemeral) != _WRAPPED_LENGTH:
        raise WrongCode(f"a wrapped key has {_WRAPPED_LENGTH} bytes")
    ephemeral = KeyPair.generate()
    try:
        shared_secret = dh(ephemeral.private, _unwrap(code, wrapped_companion_ephemeral))
    except InvalidKey as error:
        raise WrongCode("the code does not unwrap a usable key") from error
    return CodeAnswer(_wrap(code, ephemeral.public), shared_secret)


def finish_code(
    shared_secret: bytes, *, account: KeyPair, wrapped_key_bundle: bytes, companion_identity: bytes
) -> bytes:
    """The adv secret that both sides now share, from the device's `companion_finish`. Raises WrongCode."""
    salt, nonce, sealed = wrapped_key_bundle[:32], wrapped_key_bundle[32:44], wrapped_key_bundle[44:]
    key = hkdf(shared_secret, 32, salt=salt, info=b"link_code_pairing_key_bundle_encryption_key")
    try:
        bundle = decrypt_gcm(key, nonce, sealed)
    except (DecryptionFailed, ValueError) as error:
        raise WrongCode("the device's key bundle cannot be opened with this code") from error
    identity, primary, random = bundle[:32], bundle[32:64], bundle[64:]
    if identity != companion_identity or primary != account.public or len(random) != 32:
        raise WrongCode("the device's key bundle names other identities")
    return hkdf(shared_secret + dh(account.private, identity) + random, 32, info=b"adv_secret")


def _wrap(code: str, public: bytes) -> bytes:
    salt, iv = os.urandom(32), os.urandom(16)
    return salt + iv + apply_ctr(_stretch(code, salt), iv, public)


def _unwrap(code: str, wrapped: bytes) -> bytes:
    salt, iv, encrypted = wrapped[:32], wrapped[32:48], wrapped[48:]
    return apply_ctr(_stretch(code, salt), iv, encrypted)


def _stretch(code: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ITERATIONS)
