"""Texts and receipts between real sessions and phones, and what waits for those who are away."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, wait_until, waiting_stanzas

DELIVERED, READ = 1, 4  # neonize's numbers of the receipt types


def test_a_text_reaches_a_phone_and_is_acknowledged(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    sent = session.send(bob, "Olá, çã 😀")
    session.wait("Receipt", ids=[sent["id"]], type=DELIVERED)
    [shown] = network.inbox(bob)
    lid = network.phone(alice)["lid"]
    assert shown.pop("shownAt") // 1_000 >= sent["timestamp"]  # milliseconds, after WhatsApp's own time
    assert shown == {
        "id": sent["id"],
        "chat": f"{alice}@s.whatsapp.net",
        "from": f"{alice}@s.whatsapp.net",
        "fromLid": lid,
        "timestamp": sent["timestamp"],
        "type": "conversation",
        "text": "Olá, çã 😀",
        "caption": None,
        "fileName": None,
        "mimetype": None,
        "size": None,
        "sha256": None,
        "quoted": None,
        "mentions": [],
        "target": None,
        "details": {},
    }
    assert network.ask("phone.read", numero=bob, chat=alice) == {"ids": [sent["id"]]}
    session.wait("Receipt", ids=[sent["id"]], type=READ)
    assert network.ask("phone.read", numero=bob, chat=alice) == {"ids": []}


def test_the_own_phone_shows_what_its_session_sent(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    sent = session.send(bob, "de longe")
    [shown] = network.wait_inbox(alice, 1)
    assert (shown["id"], shown["from"], shown["chat"]) == (
        sent["id"],
        f"{alice}@s.whatsapp.net",
        f"{bob}@s.whatsapp.net",
    )


def test_a_phone_writes_to_a_session_by_number_jid_and_lid(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    phone = network.phone(alice)
    for to in (alice, phone["jid"], phone["lid"]):
        sent = network.ask("phone.send", numero=bob, to=to, text=f"para {to}")
        got = session.wait("Message", text=f"para {to}")
        assert got["message_id"] == sent["id"]
        assert got["chat"] == network.phone(bob)["lid"]
        assert got["sender_alt"] == f"{bob}@s.whatsapp.net"
        assert got["push_name"] == "Bob"
        assert got["from_me"] is False
    # Everything was acknowledged, so nothing is left to be sent again.
    wait_until(lambda: True if waiting_stanzas(network, alice) == 0 else None, "the last acknowledgement")


def test_since_gives_what_came_after_a_message(network: NetworkProcess, new_phone: NewPhone) -> None:
    alice, bob = new_phone("Alice"), new_phone("Bob")
    first, second, third = (
        network.ask("phone.send", numero=bob, to=alice, text=text)["id"] for text in ("um", "dois", "três")
    )
    assert [shown["id"] for shown in network.inbox(alice)] == [first, second, third]
    assert [shown["text"] for shown in network.inbox(alice, since=first)] == ["dois", "três"]
    assert network.inbox(alice, since=third) == []
    assert network.ask("phone.read", numero=alice, chat=bob, ids=[second]) == {"ids": [second]}
    assert network.ask("phone.read", numero=alice, chat=bob) == {"ids": [first, third]}


def test_two_sessions_talk(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, bob = new_phone("Alice"), new_phone("Bob")
    a, b = new_session(), new_session()
    a.pair(alice)
    b.pair(bob)
    for index in range(5):
        sent = a.send(bob, f"ida {index}")
        assert b.wait("Message", text=f"ida {index}")["message_id"] == sent["id"]
        answer = b.send(alice, f"volta {index}")
        assert a.wait("Message", text=f"volta {index}")["message_id"] == answer["id"]
    b.ask("mark_read", chat=network.phone(alice)["lid"], ids=[sent["id"]])
    a.wait("Receipt", ids=[sent["id"]], type=READ)


def test_messages_wait_for_an_absent_session(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    session.close()
    for index in range(20):
        network.ask("phone.send", numero=bob, to=alice, text=f"{index}")
    again = session.restart()
    try:
        got = [again.wait("Message", chat=network.phone(bob)["lid"])["text"] for _ in range(20)]
        assert got == [f"{index}" for index in range(20)]
        wait_until(lambda: True if waiting_stanzas(network, alice) == 0 else None, "the last acknowledgement")
        assert network.phone(alice)["logins"] == 2
    finally:
        again.close()


def test_unregistered_numbers_and_the_ninth_digit(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    network.ask("phone.create", numero="551166660000")  # a mobile from before the ninth digit
    lid = network.phone("551166660000")["lid"]
    assert session.ask("is_on_whatsapp", number="+5511966660000") == [
        {"jid": lid, "in": True, "query": "+5511966660000"}
    ]
    assert session.ask("is_on_whatsapp", number="5511955550000")[0]["in"] is False
    with pytest.raises(RuntimeError, match="no LID found"):
        session.send("5511955550000", "ninguém")
    with pytest.raises(RuntimeError, match="no LID found"):
        session.send("5511966660000", "grafia errada")
    assert session.send("551166660000", "grafia certa")["id"]
