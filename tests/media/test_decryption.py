"""Received files are decrypted as they arrive. The sandbox's code, which is another, has encrypted them."""

import hashlib
import io
import os
from dataclasses import replace

import pytest

from sandbox.media_keys import INFOS, Sealed, encrypt_pieces
from workers.media.decryption import KEYS_FOR, LONGER_BY_AT_MOST, MAC_BYTES, Damaged, Decryption

KIND = "documentMessage"


def seal(content: bytes) -> tuple[Sealed, bytes]:
    target = io.BytesIO()
    return encrypt_pieces(iter([content]), target, INFOS[KIND]), target.getvalue()


def opened(sealed: Sealed, encrypted: bytes, step: int) -> bytes:
    pieces: list[bytes] = []
    decryption = Decryption(KIND, sealed.media_key, pieces.append)
    for start in range(0, len(encrypted), step):
        decryption.update(encrypted[start : start + step])
    decryption.finish(sealed.enc_sha256)
    return b"".join(pieces)


def test_the_keys_of_all_kinds_are_the_phones_own() -> None:
    assert {kind: INFOS[kind] for kind in KEYS_FOR} == KEYS_FOR


@pytest.mark.parametrize("step", [1, 7, MAC_BYTES, 16, 1_000, 1 << 20])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 5_000])
def test_in_pieces_of_any_size(size: int, step: int) -> None:
    content = os.urandom(size)
    sealed, encrypted = seal(content)
    assert len(encrypted) <= size + LONGER_BY_AT_MOST
    assert opened(sealed, encrypted, step) == content


@pytest.mark.parametrize("place", [0, 100, -MAC_BYTES - 1, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed, encrypted = seal(os.urandom(200))
    changed = bytearray(encrypted)
    changed[place] ^= 1
    resealed = replace(sealed, enc_sha256=hashlib.sha256(changed).digest())
    with pytest.raises(Damaged):
        opened(resealed, bytes(changed), 64)


@pytest.mark.parametrize("length", [0, 5, MAC_BYTES, 100])
def test_a_file_that_ends_too_early_is_noticed(length: int) -> None:
    sealed, encrypted = seal(os.urandom(200))
    with pytest.raises(Damaged):
        opened(sealed, encrypted[:length], 64)


def test_another_file_under_the_same_key_is_noticed() -> None:
    sealed, encrypted = seal(os.urandom(200))
    with pytest.raises(Damaged, match="hash"):
        opened(replace(sealed, enc_sha256=bytes(32)), encrypted, 64)
