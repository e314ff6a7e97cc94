"""Received files as WhatsApp keeps them, decrypted piece by piece as they arrive.

AES-256-CBC under keys made of the message's media key by HKDF to 112 bytes: iv, cipher key, MAC key, and a rest that
is not used here; behind the ciphertext stand the first 10 bytes of HMAC-SHA256(iv, ciphertext). Source: download.go of
whatsmeow.
"""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

MAC_BYTES = 10
LONGER_BY_AT_MOST = 16 + MAC_BYTES
"""Bytes by which a file is longer encrypted: its padding, and the MAC."""
KEYS_FOR = {
    "imageMessage": b"WhatsApp Image Keys",
    "stickerMessage": b"WhatsApp Image Keys",
    "videoMessage": b"WhatsApp Video Keys",
    "ptvMessage": b"WhatsApp Video Keys",
    "audioMessage": b"WhatsApp Audio Keys",
    "documentMessage": b"WhatsApp Document Keys",
}
"""HKDF's `info` for each kind of file (whatsmeow, download.go: MediaType)."""


class Damaged(ValueError):
    """Not the file that the message speaks of."""


class Decryption:
    """One file on its way through. What `into` was given may be believed only after `finish`."""

    def __init__(self, kind: str, media_key: bytes, into: Callable[[bytes], object]) -> None:
        keys = HKDF(SHA256(), length=112, salt=None, info=KEYS_FOR[kind]).derive(media_key)
        iv, key, mac_key = keys[:16], keys[16:48], keys[48:80]
        self._into = into
        self._decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        self._unpadder = PKCS7(128).unpadder()
        self._mac = hmac.new(mac_key, iv, hashlib.sha256)
        self._digest = hashlib.sha256()
        self._held = b""  # it may be the MAC

    def update(self, piece: bytes) -> None:
        """The next bytes of the encrypted file."""
        self._digest.update(piece)
        arrived = self._held + piece
        ciphertext, self._held = arrived[:-MAC_BYTES], arrived[-MAC_BYTES:]
        self._mac.update(ciphertext)
        self._into(self._unpadder.update(self._decryptor.update(ciphertext)))

    def finish(self, encrypted_sha256: bytes) -> None:
        """The file has ended. Raises Damaged unless it is the one with this hash, made with this key."""
        if not hmac.compare_digest(self._mac.digest()[:MAC_BYTES], self._held):
            raise Damaged("the MAC is wrong")
        if self._digest.digest() != encrypted_sha256:
            raise Damaged("the hash of the encrypted file is wrong")
        try:
            last = self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()
        except ValueError as error:
            raise Damaged("the padding is wrong") from error
        self._into(last)
