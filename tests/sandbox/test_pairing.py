"""Linking as the phone sees it; the device's half is written out here as whatsmeow does it."""

from __future__ import annotations

import base64
import hashlib
import io
import os

import pytest
import segno
from PIL import Image

from sandbox.ciphers import apply_ctr, encrypt_gcm, hkdf, hmac_sha256
from sandbox.codes import InvalidCode, WrongCode, answer_code, finish_code, read_code
from sandbox.keys import KeyPair, dh, sign, verify
from sandbox.pairing import InvalidLink, PairingRefused, read_link, sign_device, verify_device
from sandbox.protobufs import adv
from sandbox.qrcode import InvalidPicture, read_qrcode

ACCOUNT = KeyPair.generate()
DEVICE = KeyPair.generate()
SECRET = os.urandom(32)
CODE = "ABCD1234"


def link_text() -> str:
    fields = [base64.b64encode(field).decode() for field in (KeyPair.generate().public, DEVICE.public, SECRET)]
    return "https://wa.me/settings/linked_devices#" + ",".join(["2@ref+/==", *fields, "1"])


def confirm(container: bytes, device: KeyPair = DEVICE) -> bytes:
    """What the device answers to `pair-success`."""
    signed = adv.ADVSignedDeviceIdentityHMAC.FromString(container)
    assert signed.HMAC == hmac_sha256(SECRET, signed.details)
    identity = adv.ADVSignedDeviceIdentity.FromString(signed.details)
    key = identity.accountSignatureKey
    assert verify(key, b"\x06\x00" + identity.details + device.public, identity.accountSignature)
    identity.deviceSignature = sign(device.private, b"\x06\x01" + identity.details + device.public + key)
    identity.ClearField("accountSignatureKey")
    answer: bytes = identity.SerializeToString()
    return answer


def picture(*texts: str, mode: str = "RGB") -> str:
    canvas = Image.new(mode, (1000, 500), "white")
    for position, text in enumerate(texts):
        file = io.BytesIO()
        segno.make(text).save(file, kind="png", scale=4)
        canvas.paste(Image.open(file).convert(mode), (position * 500, 0))
    output = io.BytesIO()
    canvas.save(output, "PNG")
    return "data:image/png;base64," + base64.b64encode(output.getvalue()).decode()


def test_the_phone_reads_what_the_device_shows() -> None:
    link = read_link(read_qrcode(picture(link_text())))
    assert (link.ref, link.identity_key, link.adv_secret, link.client_type) == ("2@ref+/==", DEVICE.public, SECRET, "1")
    assert read_link(link_text().rpartition("#")[2].rpartition(",")[0]).ref == "2@ref+/=="


@pytest.mark.parametrize("text", ["", "https://example.org/", "a,b,c,d", "ref,AAAA,AAAA,AAAA,1", ",,,"])
def test_other_texts_are_no_link(text: str) -> None:
    with pytest.raises(InvalidLink):
        read_link(text)


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64,****",
        "data:image/png;base64," + base64.b64encode(b"no picture").decode(),
        "data:text/plain,hello",
        picture(),
        picture("one", "two"),
    ],
)
def test_pictures_without_one_qr_code_are_refused(source: str) -> None:
    with pytest.raises(InvalidPicture):
        read_qrcode(source)


def test_phone_and_device_vouch_for_each_other() -> None:
    container = sign_device(
        ACCOUNT, identity_key=DEVICE.public, adv_secret=SECRET, key_index=3, timestamp=1_700_000_000
    )
    complete = adv.ADVSignedDeviceIdentity.FromString(verify_device(ACCOUNT.public, DEVICE.public, confirm(container)))
    assert complete.accountSignatureKey == ACCOUNT.public
    details = adv.ADVDeviceIdentity.FromString(complete.details)
    assert (details.keyIndex, details.timestamp) == (3, 1_700_000_000)


def test_a_confirmation_that_does_not_fit_is_refused() -> None:
    container = sign_device(ACCOUNT, identity_key=DEVICE.public, adv_secret=SECRET, key_index=1, timestamp=1)
    answer = confirm(container)
    unsigned = adv.ADVSignedDeviceIdentity.FromString(answer)
    unsigned.deviceSignature = bytes(64)
    for account, device, data in [
        (KeyPair.generate().public, DEVICE.public, answer),
        (ACCOUNT.public, KeyPair.generate().public, answer),
        (ACCOUNT.public, DEVICE.public, unsigned.SerializeToString()),
        (ACCOUNT.public, DEVICE.public, b"\xff\xff"),
    ]:
        with pytest.raises(PairingRefused):
            verify_device(account, device, data)


@pytest.mark.parametrize("typed", ["ABCD1234", "abcd-1234", " ABCD 1234 "])
def test_codes_are_understood_as_people_type_them(typed: str) -> None:
    assert read_code(typed) == CODE


@pytest.mark.parametrize("typed", ["", "ABCD123", "ABCD12345", "ABCD-123O", "ÁBCD-1234"])
def test_other_texts_are_no_code(typed: str) -> None:
    with pytest.raises(InvalidCode):
        read_code(typed)


def stretch(salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", CODE.encode(), salt, 2 << 16)


def wrap_companion(ephemeral: KeyPair) -> bytes:
    salt, iv = os.urandom(32), os.urandom(16)
    return salt + iv + apply_ctr(stretch(salt), iv, ephemeral.public)


def finish_companion(ephemeral: KeyPair, wrapped: bytes, primary: bytes) -> tuple[bytes, bytes]:
    """(wrapped key bundle, adv secret) as the device computes them."""
    shared = dh(ephemeral.private, apply_ctr(stretch(wrapped[:32]), wrapped[32:48], wrapped[48:]))
    salt, nonce, random = os.urandom(32), os.urandom(12), os.urandom(32)
    key = hkdf(shared, 32, salt=salt, info=b"link_code_pairing_key_bundle_encryption_key")
    bundle = salt + nonce + encrypt_gcm(key, nonce, DEVICE.public + primary + random)
    return bundle, hkdf(shared + dh(DEVICE.private, primary) + random, 32, info=b"adv_secret")


def test_the_right_code_gives_both_sides_one_secret() -> None:
    ephemeral = KeyPair.generate()
    answer = answer_code(CODE, wrap_companion(ephemeral))
    bundle, secret = finish_companion(ephemeral, answer.wrapped_primary_ephemeral, ACCOUNT.public)
    assert (
        finish_code(answer.shared_secret, account=ACCOUNT, wrapped_key_bundle=bundle, companion_identity=DEVICE.public)
        == secret
    )


def test_a_wrong_code_is_noticed_and_the_right_one_still_works() -> None:
    ephemeral = KeyPair.generate()
    wrapped = wrap_companion(ephemeral)
    wrong = answer_code("ABCD1235", wrapped)
    bundle, _ = finish_companion(ephemeral, wrong.wrapped_primary_ephemeral, ACCOUNT.public)
    with pytest.raises(WrongCode):
        finish_code(wrong.shared_secret, account=ACCOUNT, wrapped_key_bundle=bundle, companion_identity=DEVICE.public)
    right = answer_code(CODE, wrapped)
    bundle, secret = finish_companion(ephemeral, right.wrapped_primary_ephemeral, ACCOUNT.public)
    finished = finish_code(
        right.shared_secret, account=ACCOUNT, wrapped_key_bundle=bundle, companion_identity=DEVICE.public
    )
    assert finished == secret


def test_a_key_bundle_for_other_identities_is_refused() -> None:
    ephemeral = KeyPair.generate()
    answer = answer_code(CODE, wrap_companion(ephemeral))
    for bundle in (finish_companion(ephemeral, answer.wrapped_primary_ephemeral, DEVICE.public)[0], b"", bytes(100)):
        with pytest.raises(WrongCode):
            finish_code(
                answer.shared_secret, account=ACCOUNT, wrapped_key_bundle=bundle, companion_identity=DEVICE.public
            )
    with pytest.raises(WrongCode):
        answer_code(CODE, b"short")
