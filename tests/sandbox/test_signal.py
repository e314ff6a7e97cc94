"""Two endpoints talking: order, loss, repetition, restarts and lost state, as the real network has them."""

from __future__ import annotations

import dataclasses

import pytest

from sandbox.keys import KeyPair
from sandbox.signal.chains import MAX_SKIPPED
from sandbox.signal.endpoint import Endpoint
from sandbox.signal.errors import DuplicateMessage, InvalidBundle, InvalidMessage, NoSession, UnknownPreKey

ALICE, BOB = "alice:1", "bob:0"


@pytest.fixture
def alice() -> Endpoint:
    return Endpoint.create()


@pytest.fixture
def bob() -> Endpoint:
    return Endpoint.create()


def converse(alice: Endpoint, bob: Endpoint) -> None:
    """Make both sides know each other, so that plain messages flow in both directions."""
    alice.open_session(BOB, bob.bundle())
    bob.decrypt(ALICE, *alice.encrypt(BOB, b"hello"))
    alice.decrypt(BOB, *bob.encrypt(ALICE, b"hello back"))


def restart(endpoint: Endpoint, parts: dict[str, bytes]) -> Endpoint:
    for name, part in endpoint.changes().items():
        if part is None:
            parts.pop(name, None)
        else:
            parts[name] = part
    return Endpoint.from_parts(parts)


def test_messages_flow_both_ways(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, bob.bundle())
    kind, ciphertext = alice.encrypt(BOB, b"first")
    assert kind == "pkmsg"
    assert bob.decrypt(ALICE, kind, ciphertext) == b"first"
    for turn in range(20):
        kind, ciphertext = bob.encrypt(ALICE, b"to alice %d" % turn)
        assert kind == "msg"
        assert alice.decrypt(BOB, kind, ciphertext) == b"to alice %d" % turn
        kind, ciphertext = alice.encrypt(BOB, b"to bob %d" % turn)
        assert kind == "msg"
        assert bob.decrypt(ALICE, kind, ciphertext) == b"to bob %d" % turn


def test_a_bundle_without_one_time_prekey_is_enough(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, dataclasses.replace(bob.bundle(), one_time_id=None, one_time_key=None))
    assert bob.decrypt(ALICE, *alice.encrypt(BOB, b"first")) == b"first"


def test_messages_sent_before_an_answer_all_open_the_session(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, bob.bundle())
    sent = [alice.encrypt(BOB, b"%d" % number) for number in range(3)]
    assert [kind for kind, _ in sent] == ["pkmsg"] * 3
    received = [bob.decrypt(ALICE, *each) for each in (sent[2], sent[0], sent[1])]
    assert received == [b"2", b"0", b"1"]


def test_late_messages_are_read_even_after_the_ratchet_turned(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    late = [alice.encrypt(BOB, b"late %d" % number) for number in range(3)]
    assert bob.decrypt(ALICE, *late[2]) == b"late 2"
    alice.decrypt(BOB, *bob.encrypt(ALICE, b"turn"))
    assert bob.decrypt(ALICE, *alice.encrypt(BOB, b"new chain")) == b"new chain"
    assert bob.decrypt(ALICE, *late[0]) == b"late 0"
    assert bob.decrypt(ALICE, *late[1]) == b"late 1"


def test_a_message_is_decrypted_once(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, bob.bundle())
    opening = alice.encrypt(BOB, b"opening")
    bob.decrypt(ALICE, *opening)
    with pytest.raises(DuplicateMessage):
        bob.decrypt(ALICE, *opening)
    reply = bob.encrypt(ALICE, b"reply")
    alice.decrypt(BOB, *reply)
    with pytest.raises(DuplicateMessage):
        alice.decrypt(BOB, *reply)
    skipped, last = alice.encrypt(BOB, b"skipped"), alice.encrypt(BOB, b"last")
    bob.decrypt(ALICE, *last)
    bob.decrypt(ALICE, *skipped)
    with pytest.raises(DuplicateMessage):
        bob.decrypt(ALICE, *skipped)


def test_changed_messages_are_refused_and_change_nothing(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    bob.changes()
    kind, ciphertext = alice.encrypt(BOB, b"message")
    for position in range(len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[position] ^= 0x40
        with pytest.raises(InvalidMessage):
            bob.decrypt(ALICE, kind, bytes(changed))
    assert bob.changes() == {}
    assert bob.decrypt(ALICE, kind, ciphertext) == b"message"


def test_a_changed_opening_leaves_the_one_time_prekey_in_place(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, bob.bundle())
    kind, ciphertext = alice.encrypt(BOB, b"message")
    with pytest.raises(InvalidMessage):
        bob.decrypt(ALICE, kind, ciphertext[:-20] + bytes(20))
    assert not bob.has_session(ALICE)
    assert bob.decrypt(ALICE, kind, ciphertext) == b"message"


def test_a_counter_too_far_ahead_is_refused(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    first = alice.encrypt(BOB, b"first")
    for _ in range(MAX_SKIPPED):
        last = alice.encrypt(BOB, b"unsent")
    beyond = alice.encrypt(BOB, b"beyond")
    with pytest.raises(InvalidMessage):
        bob.decrypt(ALICE, *beyond)
    bob.decrypt(ALICE, *last)
    bob.decrypt(ALICE, *beyond)
    assert bob.decrypt(ALICE, *first) == b"first"


def test_sessions_begun_by_both_at_once_converge(alice: Endpoint, bob: Endpoint) -> None:
    alice.open_session(BOB, bob.bundle())
    bob.open_session(ALICE, alice.bundle())
    from_alice, from_bob = alice.encrypt(BOB, b"from alice"), bob.encrypt(ALICE, b"from bob")
    assert bob.decrypt(ALICE, *from_alice) == b"from alice"
    assert alice.decrypt(BOB, *from_bob) == b"from bob"
    for turn in range(5):
        assert bob.decrypt(ALICE, *alice.encrypt(BOB, b"%d" % turn)) == b"%d" % turn
        assert alice.decrypt(BOB, *bob.encrypt(ALICE, b"%d" % turn)) == b"%d" % turn
    assert alice.encrypt(BOB, b"")[0] == bob.encrypt(ALICE, b"")[0] == "msg"


def test_a_side_that_lost_its_sessions_begins_another(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    late = bob.encrypt(ALICE, b"for the old session")
    old_alice = restart(alice, {})
    alice.forget(BOB)
    with pytest.raises(NoSession):
        alice.decrypt(BOB, *late)
    alice.open_session(BOB, bob.bundle())
    assert bob.decrypt(ALICE, *alice.encrypt(BOB, b"again")) == b"again"
    assert alice.decrypt(BOB, *bob.encrypt(ALICE, b"heard")) == b"heard"
    assert bob.decrypt(ALICE, *old_alice.encrypt(BOB, b"sent before")) == b"sent before"


def test_a_new_identity_ends_the_sessions_with_the_old_one(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    old = alice.encrypt(BOB, b"old device")
    again = Endpoint.create()
    again.open_session(BOB, bob.bundle())
    assert bob.decrypt(ALICE, *again.encrypt(BOB, b"new device")) == b"new device"
    assert bob.identity_of(ALICE) == again.identity.public
    with pytest.raises(InvalidMessage):
        bob.decrypt(ALICE, *old)
    assert again.decrypt(BOB, *bob.encrypt(ALICE, b"welcome")) == b"welcome"


def test_a_one_time_prekey_opens_one_session(alice: Endpoint, bob: Endpoint) -> None:
    bundle = bob.bundle()
    alice.open_session(BOB, bundle)
    bob.decrypt(ALICE, *alice.encrypt(BOB, b"first"))
    carol = Endpoint.create()
    carol.open_session(BOB, bundle)
    with pytest.raises(UnknownPreKey):
        bob.decrypt("carol:0", *carol.encrypt(BOB, b"second"))


def test_a_bundle_signed_by_somebody_else_is_refused(alice: Endpoint, bob: Endpoint) -> None:
    with pytest.raises(InvalidBundle):
        alice.open_session(BOB, dataclasses.replace(bob.bundle(), identity=KeyPair.generate().public))
    assert not alice.has_session(BOB)


@pytest.mark.parametrize("data", [b"", b"3", b"\x33" + bytes(20), b"\x23" + bytes(40), b"\x33" + b"\xff" * 40])
@pytest.mark.parametrize("kind", ["pkmsg", "msg", "skmsg"])
def test_bytes_that_are_no_message_are_refused(bob: Endpoint, kind: str, data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        bob.decrypt(ALICE, kind, data)


def test_everything_survives_a_restart_between_any_two_steps(alice: Endpoint, bob: Endpoint) -> None:
    alice_parts: dict[str, bytes] = {}
    bob_parts: dict[str, bytes] = {}
    bundle = bob.bundle()
    bob = restart(bob, bob_parts)
    alice.open_session(BOB, bundle)
    alice = restart(alice, alice_parts)
    skipped, sent = alice.encrypt(BOB, b"skipped"), alice.encrypt(BOB, b"sent")
    alice = restart(alice, alice_parts)
    assert bob.decrypt(ALICE, *sent) == b"sent"
    bob = restart(bob, bob_parts)
    assert not [name for name in bob_parts if name.startswith("prekey:")]
    assert alice.decrypt(BOB, *bob.encrypt(ALICE, b"reply")) == b"reply"
    alice, bob = restart(alice, alice_parts), restart(bob, bob_parts)
    assert bob.decrypt(ALICE, *skipped) == b"skipped"
    bob = restart(bob, bob_parts)
    assert bob.decrypt(ALICE, *alice.encrypt(BOB, b"last")) == b"last"
    assert bob.registration_id == Endpoint.from_parts(bob_parts).registration_id


def test_changes_name_only_what_changed(alice: Endpoint, bob: Endpoint) -> None:
    converse(alice, bob)
    alice.open_session("carol:0", Endpoint.create().bundle())
    alice.changes()
    alice.encrypt(BOB, b"message")
    assert list(alice.changes()) == [f"session:{BOB}"]
    alice.forget(BOB)
    assert alice.changes() == {f"session:{BOB}": None}
