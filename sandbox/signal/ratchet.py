"""The key derivations of the Signal protocol, version 3: X3DH, the root chain and the message chains.

The info strings and constants are libsignal's; the scheme is Signal's "X3DH" and "Double Ratchet" papers.
"""

from __future__ import annotations

from typing import NamedTuple

from sandbox.ciphers import hkdf, hmac_sha256
from sandbox.keys import KeyPair, dh


class ChainStart(NamedTuple):
    """The root key after a Diffie-Hellman step, and the first chain key that came out of it."""

    root_key: bytes
    chain_key: bytes


class MessageKeys(NamedTuple):
    cipher_key: bytes
    mac_key: bytes
    iv: bytes


def agree_as_initiator(
    *, identity: KeyPair, base: KeyPair, their_identity: bytes, their_signed: bytes, their_one_time: bytes | None
) -> ChainStart:
    """X3DH of the side that has fetched the other's bundle."""
    secrets = [
        dh(identity.private, their_signed),
        dh(base.private, their_identity),
        dh(base.private, their_signed),
    ]
    if their_one_time is not None:
        secrets.append(dh(base.private, their_one_time))
    return _first_keys(secrets)


def agree_as_responder(
    *, identity: KeyPair, signed: KeyPair, one_time: KeyPair | None, their_identity: bytes, their_base: bytes
) -> ChainStart:
    """X3DH of the side whose bundle was fetched; gives what `agree_as_initiator` gave there."""
    secrets = [
        dh(signed.private, their_identity),
        dh(identity.private, their_base),
        dh(signed.private, their_base),
    ]
    if one_time is not None:
        secrets.append(dh(one_time.private, their_base))
    return _first_keys(secrets)


def step_root(root_key: bytes, our_private: bytes, their_public: bytes) -> ChainStart:
    """One turn of the Diffie-Hellman ratchet."""
    return _split(hkdf(dh(our_private, their_public), 64, salt=root_key, info=b"WhisperRatchet"))


def step_chain(chain_key: bytes) -> tuple[bytes, bytes]:
    """One turn of a message chain: (the message's seed, the next chain key)."""
    return hmac_sha256(chain_key, b"\x01"), hmac_sha256(chain_key, b"\x02")


def expand_seed(seed: bytes) -> MessageKeys:
    """The three keys of one message; seeds are kept, for skipped messages, as they are the shorter form."""
    material = hkdf(seed, 80, info=b"WhisperMessageKeys")
    return MessageKeys(material[:32], material[32:64], material[64:])


def _first_keys(secrets: list[bytes]) -> ChainStart:
    return _split(hkdf(b"\xff" * 32 + b"".join(secrets), 64, info=b"WhisperText"))


def _split(material: bytes) -> ChainStart:
    return ChainStart(material[:32], material[32:])
