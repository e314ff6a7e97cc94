"""The encrypted transport: server side of Noise_XX_25519_AESGCM_SHA256 and the certificates a client checks in it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sandbox.ciphers import DecryptionFailed, decrypt_gcm, encrypt_gcm, hkdf
from sandbox.keys import InvalidKey, KeyPair, dh, sign
from sandbox.protobufs import DecodeError, cert, handshake

PATTERN = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"  # padded to 32 bytes, which makes it its own hash
PROLOGUE = b"WA\x06\x03"  # the first bytes of every connection: magic, protocol 6, dictionary 3
CERTIFICATE_SECONDS = 10 * 365 * 86_400


class HandshakeFailed(ValueError):
    """A client that does not speak this Noise, or trusts another root."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The network's keys: the root whose public half the patched client trusts, and the two it signs for."""

    root: KeyPair
    intermediate: KeyPair
    static: KeyPair

    @classmethod
    def generate(cls) -> ServerIdentity:
        return cls(KeyPair.generate(), KeyPair.generate(), KeyPair.generate())

    @classmethod
    def from_bytes(cls, data: bytes) -> ServerIdentity:
        return cls(*(KeyPair.from_private(data[start : start + 32]) for start in (0, 32, 64)))

    def __bytes__(self) -> bytes:
        return self.root.private + self.intermediate.private + self.static.private

    def certificate_chain(self) -> bytes:
        """A CertChain as clients verify it: intermediate by root (issuer serial 0), leaf by intermediate."""
        chain = cert.CertChain()
        self._certify(chain.intermediate, serial=1, issuer=0, key=self.intermediate.public, by=self.root)
        self._certify(chain.leaf, serial=2, issuer=1, key=self.static.public, by=self.intermediate)
        return bytes(chain.SerializeToString())

    @staticmethod
    def _certify(target: cert.CertChain.NoiseCertificate, serial: int, issuer: int, key: bytes, by: KeyPair) -> None:
        now = int(time.time())
        details = cert.CertChain.NoiseCertificate.Details(
            serial=serial,
            issuerSerial=issuer,
            key=key,
            notBefore=now - 86_400,
            notAfter=now + CERTIFICATE_SECONDS,
        ).SerializeToString()
        target.details = details
        target.signature = sign(by.private, details)


class Cipher:
    """One direction of an established connection: AES-GCM with a counter as nonce and no associated data."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.counter = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        return encrypt_gcm(self.key, self._next_nonce(), plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Raises ciphers.DecryptionFailed."""
        return decrypt_gcm(self.key, self._next_nonce(), ciphertext)

    def _next_nonce(self) -> bytes:
        nonce = self.counter.to_bytes(12, "big")
        self.counter += 1
        return nonce


@dataclass(frozen=True, slots=True)
class Finished:
    """What a completed handshake yields: who the client says it is, and the two ciphers."""

    client_static: bytes
    payload: handshake.ClientPayload
    receive: Cipher
    send: Cipher


class Handshake:
    """The responder. Feed it the client's hello, send its answer, feed it the client's finish."""

    def __init__(self, identity: ServerIdentity) -> None:
        self.identity = identity
        self.ephemeral = KeyPair.generate()
        self.hash = hashlib.sha256(PATTERN + PROLOGUE).digest()
        self.salt = PATTERN
        self.cipher_key = PATTERN
        self.counter = 0

    def answer_hello(self, frame: bytes) -> bytes:
        """The serverHello frame for a clientHello frame. Raises HandshakeFailed."""
        message = self._parse(frame)
        client_ephemeral = message.clientHello.ephemeral
        answer = handshake.HandshakeMessage()
        self._mix_hash(client_ephemeral)
        self._mix_hash(self.ephemeral.public)
        answer.serverHello.ephemeral = self.ephemeral.public
        self._mix_key(self.ephemeral.private, client_ephemeral)
        answer.serverHello.static = self._encrypt(self.identity.static.public)
        self._mix_key(self.identity.static.private, client_ephemeral)
        answer.serverHello.payload = self._encrypt(self.identity.certificate_chain())
        return bytes(answer.SerializeToString())

    def accept_finish(self, frame: bytes) -> Finished:
        """Read the clientFinish frame. Raises HandshakeFailed."""
        finish = self._parse(frame).clientFinish
        client_static = self._decrypt(finish.static)
        self._mix_key(self.ephemeral.private, client_static)
        payload = handshake.ClientPayload.FromString(self._decrypt(finish.payload))
        keys = hkdf(b"", 64, salt=self.salt)
        return Finished(client_static, payload, Cipher(keys[:32]), Cipher(keys[32:]))

    @staticmethod
    def _parse(frame: bytes) -> handshake.HandshakeMessage:
        try:
            return handshake.HandshakeMessage.FromString(frame)
        except DecodeError as error:
            raise HandshakeFailed("not a handshake message") from error

    def _mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def _mix_key(self, private: bytes, public: bytes) -> None:
        try:
            secret = dh(private, public)
        except InvalidKey as error:
            raise HandshakeFailed(str(error)) from error
        output = hkdf(secret, 64, salt=self.salt)
        self.salt, self.cipher_key = output[:32], output[32:]
        self.counter = 0

    def _encrypt(self, plaintext: bytes) -> bytes:
        ciphertext = encrypt_gcm(self.cipher_key, self._next_nonce(), plaintext, self.hash)
        self._mix_hash(ciphertext)
        return ciphertext

    def _decrypt(self, ciphertext: bytes) -> bytes:
        try:
            plaintext = decrypt_gcm(self.cipher_key, self._next_nonce(), ciphertext, self.hash)
        except DecryptionFailed as error:
            raise HandshakeFailed(str(error)) from error
        self._mix_hash(ciphertext)
        return plaintext

    def _next_nonce(self) -> bytes:
        nonce = self.counter.to_bytes(12, "big")
        self.counter += 1
        return nonce
