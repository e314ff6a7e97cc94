"""The encryption of files: AES-256-CBC and an HMAC under keys derived from a media key, file to file in pieces.

Keys and layout as in whatsmeow's upload.go and download.go: HKDF to 112 bytes = iv, cipher key, MAC key, a rest that
is not used here; the file is the ciphertext and the first 10 bytes of HMAC-SHA256(iv, ciphertext).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sandbox.ciphers import hkdf

MAC_LENGTH = 10
PIECE = 1 << 20

# The HKDF info per kind of file (whatsmeow, download.go: MediaType).
INFOS = {
    "imageMessage": b"WhatsApp Image Keys",
    "stickerMessage": b"WhatsApp Image Keys",
    "videoMessage": b"WhatsApp Video Keys",
    "ptvMessage": b"WhatsApp Video Keys",
    "audioMessage": b"WhatsApp Audio Keys",
    "documentMessage": b"WhatsApp Document Keys",
    "history": b"WhatsApp History Keys",
}


class DamagedFile(ValueError):
    """A file whose hashes, MAC or padding are not what the message says."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted file as messages describe it."""

    media_key: bytes
    sha256: bytes
    enc_sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What a decrypted file turned out to be."""

    sha256: bytes
    size: int


def encrypt_pieces(pieces: Iterator[bytes], target: IO[bytes], info: bytes) -> Sealed:
    """Encrypt under a fresh media key into an open file."""
    media_key = os.urandom(32)
    iv, key, mac_key = _derive(media_key, info)
    encryptor, padder = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor(), PKCS7(128).padder()
    mac = hmac.new(mac_key, iv, hashlib.sha256)
    plain_hash, file_hash, size = hashlib.sha256(), hashlib.sha256(), 0

    def write(ciphertext: bytes) -> None:
        mac.update(ciphertext)
        file_hash.update(ciphertext)
        target.write(ciphertext)

    for piece in pieces:
        plain_hash.update(piece)
        size += len(piece)
        write(encryptor.update(padder.update(piece)))
    write(encryptor.update(padder.finalize()) + encryptor.finalize())
    tag = mac.digest()[:MAC_LENGTH]
    file_hash.update(tag)
    target.write(tag)
    return Sealed(media_key, plain_hash.digest(), file_hash.digest(), size)


def open_file(path: Path, sealed: Sealed, info: bytes) -> Opened:
    """Decrypt a file and check everything that is known of it. Raises DamagedFile."""
    iv, key, mac_key = _derive(sealed.media_key, info)
    decryptor, unpadder = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor(), PKCS7(128).unpadder()
    mac = hmac.new(mac_key, iv, hashlib.sha256)
    plain_hash, file_hash, size = hashlib.sha256(), hashlib.sha256(), 0
    rest = path.stat().st_size - MAC_LENGTH
    if rest <= 0:
        raise DamagedFile("the file is too short")
    try:
        with path.open("rb") as file:
            while rest:
                ciphertext = file.read(min(PIECE, rest))
                rest -= len(ciphertext)
                mac.update(ciphertext)
                file_hash.update(ciphertext)
                plain = unpadder.update(decryptor.update(ciphertext))
                plain_hash.update(plain)
                size += len(plain)
            tag = file.read(MAC_LENGTH)
        last = unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise DamagedFile("the padding is wrong") from error
    plain_hash.update(last)
    file_hash.update(tag)
    if not hmac.compare_digest(mac.digest()[:MAC_LENGTH], tag):
        raise DamagedFile("the MAC is wrong")
    if file_hash.digest() != sealed.enc_sha256:
        raise DamagedFile("the hash of the encrypted file is wrong")
    if plain_hash.digest() != sealed.sha256:
        raise DamagedFile("the hash of the file is wrong")
    size += len(last)
    if size != sealed.size:
        raise DamagedFile("the size is wrong")
    return Opened(plain_hash.digest(), size)


def _derive(media_key: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
    expanded = hkdf(media_key, 112, info=info)
    return expanded[:16], expanded[16:48], expanded[48:80]
