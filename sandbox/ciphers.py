"""The symmetric cryptography shared by Noise, Signal, pairing and app state: HKDF, HMAC, AES in three modes."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7


class DecryptionFailed(ValueError):
    """A ciphertext that was not made with this key, or was changed on its way."""


def hkdf(secret: bytes, length: int, *, salt: bytes = b"", info: bytes = b"") -> bytes:
    """HKDF-SHA256 (RFC 5869). An empty salt is 32 zero bytes, as everywhere in WhatsApp."""
    prk = hmac_sha256(salt or bytes(32), secret)
    output = block = b""
    counter = 1
    while len(output) < length:
        block = hmac_sha256(prk, block + info + bytes([counter]))
        output += block
        counter += 1
    return output[:length]


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def encrypt_cbc(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-256-CBC with PKCS#7 padding."""
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """AES-256-CBC with PKCS#7 padding. Raises DecryptionFailed."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise DecryptionFailed("the AES-CBC padding is wrong") from error


def apply_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-256-CTR, which encrypts and decrypts alike; `iv` is the 16-byte first counter block."""
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def encrypt_gcm(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes = b"") -> bytes:
    """AES-256-GCM; the 16-byte tag follows the ciphertext."""
    return AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt_gcm(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes = b"") -> bytes:
    """AES-256-GCM. Raises DecryptionFailed."""
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, associated)
    except InvalidTag as error:
        raise DecryptionFailed("the AES-GCM tag is wrong") from error
