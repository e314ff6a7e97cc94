"""App state between a phone and its devices; that whatsmeow accepts the patches is shown by the end-to-end tests."""

from __future__ import annotations

import pytest

from sandbox.appstate import PUSH_NAME_COLLECTION, AppStateKey, Collection, InvalidPatch, push_name_in
from sandbox.ciphers import hkdf

KEY = AppStateKey.generate()


def test_a_device_reads_what_the_phone_set() -> None:
    phone, device = Collection(PUSH_NAME_COLLECTION), Collection(PUSH_NAME_COLLECTION)
    for name in ("Ana", "Ana Maria"):
        patch = phone.set_push_name(KEY, name, timestamp=1_700_000_000_000)
        assert push_name_in(device.apply(KEY, patch)) == name
        assert device == phone
    assert (phone.version, len(phone.value_macs)) == (2, 1)


def test_a_replaced_setting_leaves_no_trace_in_the_hash() -> None:
    collection = Collection(PUSH_NAME_COLLECTION)
    for name in ("Ana", "Bia"):
        collection.set_push_name(KEY, name, timestamp=1)
    (remaining,) = collection.value_macs.values()
    assert collection.digest == hkdf(remaining, 128, info=b"WhatsApp Patch Integrity")


def test_patches_that_do_not_fit_are_refused_and_change_nothing() -> None:
    phone, device = Collection(PUSH_NAME_COLLECTION), Collection(PUSH_NAME_COLLECTION)
    first = phone.set_push_name(KEY, "Ana", timestamp=1)
    second = phone.set_push_name(KEY, "Bia", timestamp=2)
    for collection, key, patch in [
        (device, KEY, second),
        (device, AppStateKey.generate(), first),
        (Collection("regular"), KEY, first),
        (device, KEY, b"\xff\xff"),
    ]:
        before = bytes(collection)
        with pytest.raises(InvalidPatch):
            collection.apply(key, patch)
        assert bytes(collection) == before
    device.apply(KEY, first)
    device.apply(KEY, second)


def test_a_collection_survives_its_serialised_form() -> None:
    phone = Collection(PUSH_NAME_COLLECTION)
    phone.set_push_name(KEY, "Ana", timestamp=1)
    assert Collection.from_bytes(bytes(phone)) == phone
