"""Keys and ciphers against published vectors, so that both ends being wrong in the same way cannot pass."""

from __future__ import annotations

import pytest

from sandbox import ciphers
from sandbox.keys import InvalidKey, KeyPair, dh, sign, typed, untyped, verify

# RFC 7748, section 6.1
ALICE = KeyPair.from_private(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
BOB = KeyPair.from_private(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")

# libsignal's own test of Curve25519 signatures
SIGNER = bytes.fromhex("ab7e717d4a163b7d9a1d8071dfe9dcf8cdcd1cea3339b6356be84d887e322c64")
SIGNED = bytes.fromhex("05edce9d9c415ca78cb7252e72c2c4a554d3eb29485a0e1d503118d1a82d99fb4a")
SIGNATURE = bytes.fromhex(
    "5de88ca9a89b4a115da79109c67c9c7464a3e4180274f1cb8c63c2984e286dfb"
    "ede82deb9dcd9fae0bfbb821569b3d9001bd8130cd11d486cef047bd60b86e88"
)


def test_dh_gives_the_secret_of_rfc_7748() -> None:
    assert ALICE.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert dh(ALICE.private, BOB.public) == dh(BOB.private, ALICE.public) == SHARED


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"short"])
def test_dh_refuses_keys_that_give_no_secret(public: bytes) -> None:
    with pytest.raises(InvalidKey):
        dh(ALICE.private, public)


def test_a_pair_survives_its_serialised_form() -> None:
    pair = KeyPair.generate()
    assert KeyPair.from_private(bytes(pair)) == pair
    assert pair.private.hex() not in repr(pair)


def test_typed_keys_are_read_back_and_others_refused() -> None:
    assert untyped(typed(ALICE.public)) == ALICE.public
    for data in (ALICE.public, b"\x06" + ALICE.public, b""):
        with pytest.raises(InvalidKey):
            untyped(data)


def test_verify_accepts_the_signature_of_libsignal() -> None:
    assert verify(SIGNER, SIGNED, SIGNATURE)


def test_verify_refuses_what_was_changed() -> None:
    for position in range(64):
        changed = bytearray(SIGNATURE)
        changed[position] ^= 1
        assert not verify(SIGNER, SIGNED, bytes(changed))
    assert not verify(SIGNER, SIGNED[:-1], SIGNATURE)
    assert not verify(ALICE.public, SIGNED, SIGNATURE)
    assert not verify(SIGNER, SIGNED, b"")
    assert not verify((2**255 - 20).to_bytes(32, "little"), SIGNED, SIGNATURE)


def test_signatures_verify_for_either_sign_of_the_edwards_key() -> None:
    signs = set()
    for _ in range(32):
        pair = KeyPair.generate()
        signature = sign(pair.private, b"message")
        assert verify(pair.public, b"message", signature)
        signs.add(signature[63] & 0x80)
    assert signs == {0, 0x80}


def test_hkdf_gives_the_output_of_rfc_5869() -> None:
    salt = bytes.fromhex("000102030405060708090a0b0c")
    info = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")
    output = ciphers.hkdf(b"\x0b" * 22, 42, salt=salt, info=info)
    assert output.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_each_mode_decrypts_what_it_encrypted(size: int) -> None:
    key, data = bytes(range(32)), b"x" * size
    assert ciphers.decrypt_cbc(key, bytes(16), ciphers.encrypt_cbc(key, bytes(16), data)) == data
    assert ciphers.apply_ctr(key, bytes(16), ciphers.apply_ctr(key, bytes(16), data)) == data
    assert ciphers.decrypt_gcm(key, bytes(12), ciphers.encrypt_gcm(key, bytes(12), data, b"ad"), b"ad") == data


def test_wrong_keys_are_noticed() -> None:
    key, other = bytes(32), b"\x01" * 32
    with pytest.raises(ciphers.DecryptionFailed):
        ciphers.decrypt_gcm(other, bytes(12), ciphers.encrypt_gcm(key, bytes(12), b"data"))
    with pytest.raises(ciphers.DecryptionFailed):
        ciphers.decrypt_cbc(key, bytes(16), b"no whole block")
