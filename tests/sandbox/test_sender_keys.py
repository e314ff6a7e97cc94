"""Sender keys between devices: order, repetition, restarts, forgery, and who may read on."""

from __future__ import annotations

import pytest

from sandbox.signal.errors import DuplicateMessage, InvalidMessage, NoSession
from sandbox.signal.sender_keys import SenderKeys

GROUP, ALICE, BOB, CAROL = "1@g.us", "alice:1@lid", "bob@lid", "carol@lid"


@pytest.fixture
def alice() -> SenderKeys:
    return SenderKeys()


@pytest.fixture
def bob() -> SenderKeys:
    return SenderKeys()


def introduce(alice: SenderKeys, bob: SenderKeys) -> None:
    """Give Bob what he needs to read Alice."""
    lacking = alice.lacking(GROUP, {BOB})
    bob.learn(GROUP, ALICE, alice.distribution(GROUP, lacking))


def test_messages_are_read_in_any_order_and_once(alice: SenderKeys, bob: SenderKeys) -> None:
    introduce(alice, bob)
    sent = [alice.encrypt(GROUP, b"%d" % number) for number in range(4)]
    assert [bob.decrypt(GROUP, ALICE, sent[index]) for index in (2, 0, 3, 1)] == [b"2", b"0", b"3", b"1"]
    for each in sent:
        with pytest.raises(DuplicateMessage):
            bob.decrypt(GROUP, ALICE, each)


def test_who_learns_the_key_late_reads_what_comes_later(alice: SenderKeys, bob: SenderKeys) -> None:
    carol = SenderKeys()
    introduce(alice, bob)
    early = alice.encrypt(GROUP, b"early")
    with pytest.raises(NoSession):
        carol.decrypt(GROUP, ALICE, early)
    assert alice.lacking(GROUP, {BOB, CAROL}) == {CAROL}
    carol.learn(GROUP, ALICE, alice.distribution(GROUP, {CAROL}))
    with pytest.raises(DuplicateMessage):
        carol.decrypt(GROUP, ALICE, early)
    late = alice.encrypt(GROUP, b"late")
    assert carol.decrypt(GROUP, ALICE, late) == bob.decrypt(GROUP, ALICE, late) == b"late"


def test_a_repeated_distribution_loses_nothing(alice: SenderKeys, bob: SenderKeys) -> None:
    introduce(alice, bob)
    overtaken = alice.encrypt(GROUP, b"overtaken")
    bob.learn(GROUP, ALICE, alice.distribution(GROUP, {BOB}))
    assert bob.decrypt(GROUP, ALICE, alice.encrypt(GROUP, b"next")) == b"next"
    assert bob.decrypt(GROUP, ALICE, overtaken) == b"overtaken"


def test_who_has_left_cannot_read_on(alice: SenderKeys, bob: SenderKeys) -> None:
    carol = SenderKeys()
    both = alice.lacking(GROUP, {BOB, CAROL})
    key = alice.distribution(GROUP, both)
    bob.learn(GROUP, ALICE, key)
    carol.learn(GROUP, ALICE, key)
    assert alice.lacking(GROUP, {BOB}) == {BOB}
    bob.learn(GROUP, ALICE, alice.distribution(GROUP, {BOB}))
    secret = alice.encrypt(GROUP, b"without carol")
    assert bob.decrypt(GROUP, ALICE, secret) == b"without carol"
    with pytest.raises(NoSession):
        carol.decrypt(GROUP, ALICE, secret)


def test_the_state_outlives_a_restart(alice: SenderKeys, bob: SenderKeys) -> None:
    introduce(alice, bob)
    skipped = alice.encrypt(GROUP, b"skipped")
    bob.decrypt(GROUP, ALICE, alice.encrypt(GROUP, b"read"))
    alice, bob = (
        SenderKeys.from_parts({name: part for name, part in keys.changes().items() if part}) for keys in (alice, bob)
    )
    assert alice.lacking(GROUP, {BOB}) == set()
    assert bob.decrypt(GROUP, ALICE, alice.encrypt(GROUP, b"after")) == b"after"
    assert bob.decrypt(GROUP, ALICE, skipped) == b"skipped"


def test_changed_bytes_are_noticed_and_change_nothing(alice: SenderKeys, bob: SenderKeys) -> None:
    introduce(alice, bob)
    sent = alice.encrypt(GROUP, b"genuine")
    for position in (5, len(sent) - 70, len(sent) - 1):
        forged = sent[:position] + bytes([sent[position] ^ 1]) + sent[position + 1 :]
        with pytest.raises((InvalidMessage, NoSession)):
            bob.decrypt(GROUP, ALICE, forged)
    assert bob.decrypt(GROUP, ALICE, sent) == b"genuine"
