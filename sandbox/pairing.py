"""The phone's side of linking a device: read the QR code, vouch for the device, check that it vouches for itself."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from sandbox.ciphers import hmac_sha256
from sandbox.keys import KeyPair, sign, verify
from sandbox.protobufs import DecodeError, adv

# What the two signatures begin with (whatsmeow, pair.go: AdvAccountSignaturePrefix, AdvDeviceSignaturePrefix).
_BY_ACCOUNT = b"\x06\x00"
_BY_DEVICE = b"\x06\x01"


class InvalidLink(ValueError):
    """A text that is not the content of a linking QR code."""


class PairingRefused(ValueError):
    """The device's confirmation does not fit what the phone signed for it."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """What a QR code tells the phone: which connection waits, its keys, and the secret only the two will know."""

    ref: str
    noise_key: bytes
    identity_key: bytes
    adv_secret: bytes
    client_type: str


def read_link(text: str) -> LinkRequest:
    """Understand the text of a QR code: `[address#]ref,noise key,identity key,adv secret[,client type]`.

    Raises InvalidLink.
    """
    ref, *fields = text.strip().rpartition("#")[2].split(",")
    if not ref or len(fields) not in (3, 4):
        raise InvalidLink("the text has not the fields of a linking code")
    try:
        noise_key, identity_key, adv_secret = (base64.b64decode(field, validate=True) for field in fields[:3])
    except ValueError as error:  # binascii.Error, or letters outside ASCII
        raise InvalidLink("a key of the linking code is no base64") from error
    if not len(noise_key) == len(identity_key) == len(adv_secret) == 32:
        raise InvalidLink("a key of the linking code has not 32 bytes")
    return LinkRequest(ref, noise_key, identity_key, adv_secret, fields[3] if len(fields) == 4 else "")


def sign_device(account: KeyPair, *, identity_key: bytes, adv_secret: bytes, key_index: int, timestamp: int) -> bytes:
    """The serialised ADVSignedDeviceIdentityHMAC that `pair-success` carries as `device-identity`."""
    details = adv.ADVDeviceIdentity(
        rawID=secrets.randbits(31), timestamp=timestamp, keyIndex=key_index
    ).SerializeToString()
    identity = adv.ADVSignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=sign(account.private, _BY_ACCOUNT + details + identity_key),
    ).SerializeToString()
    container = adv.ADVSignedDeviceIdentityHMAC(details=identity, HMAC=hmac_sha256(adv_secret, identity))
    signed: bytes = container.SerializeToString()
    return signed


def verify_device(account: bytes, identity_key: bytes, answer: bytes) -> bytes:
    """Check the `device-identity` of `pair-device-sign`, where the device has added its own signature.

    Gives the complete ADVSignedDeviceIdentity: the device leaves out the account's key, which the server knows.
    Raises PairingRefused.
    """
    identity = adv.ADVSignedDeviceIdentity()
    try:
        identity.ParseFromString(answer)
    except DecodeError as error:
        raise PairingRefused("the device's confirmation is no protobuf") from error
    if not verify(account, _BY_ACCOUNT + identity.details + identity_key, identity.accountSignature):
        raise PairingRefused("the account never signed this device")
    if not verify(identity_key, _BY_DEVICE + identity.details + identity_key + account, identity.deviceSignature):
        raise PairingRefused("the device's own signature is wrong")
    identity.accountSignatureKey = account
    complete: bytes = identity.SerializeToString()
    return complete
