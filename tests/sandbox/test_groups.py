"""Groups of real sessions and phones: who sees which message, which change, and under which addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.circles import Circle, heard, lid, pn, shown
from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, Refused, wait_until, waiting_stanzas

DELIVERED, READ = 1, 4  # neonize's numbers of the receipt types


@pytest.fixture
def circle(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> Circle:
    return Circle(network, new_phone, new_session)


def test_a_new_group_is_known_to_all_under_both_addresses(network: NetworkProcess, circle: Circle) -> None:
    people = {(lid(network, number), lid(network, number), pn(number)) for number in circle.numbers}
    joined = circle.b.wait("JoinedGroup")
    for info in (circle.created, joined["info"], circle.b.ask("group_info", group=circle.group)):
        assert info["jid"] == circle.group
        assert info["subject"] == "Círculo"
        assert (info["owner"], info["owner_pn"]) == (lid(network, circle.alice), pn(circle.alice))
        assert {(one["jid"], one["lid"], one["pn"]) for one in info["participants"]} == people
        assert [one["pn"] for one in info["participants"] if one["super"]] == [pn(circle.alice)]
    assert (joined["by"], joined["by_pn"]) == (lid(network, circle.alice), pn(circle.alice))
    assert [group["jid"] for group in circle.b.ask("group_list")] == [circle.group]
    for number in circle.phones:
        [group] = network.ask("phone.groups", numero=number)["groups"]
        assert (group["jid"], group["role"], group["invite"]) == (circle.group, "member", None)


def test_everybody_sees_each_message_once(network: NetworkProcess, circle: Circle) -> None:
    expected: list[tuple[str, str]] = []
    for turn in range(3):
        for session, number in ((circle.a, circle.alice), (circle.b, circle.bob)):
            text = f"sessão {number} {turn}"
            session.send(circle.group, text)
            expected.append((pn(number), text))
            other = circle.b if session is circle.a else circle.a
            got = other.wait("Message", text=text)
            assert got["chat"] == circle.group
            # Both addresses are those of the device that wrote.
            assert (got["sender"], got["sender_alt"]) == (
                lid(network, number).replace("@", ":1@"),
                pn(number).replace("@", ":1@"),
            )
        for number in circle.phones:
            text = f"telefone {number} {turn}"
            network.ask("phone.send", numero=number, to=circle.group, text=text)
            expected.append((pn(number), text))
            for session in (circle.a, circle.b):
                got = session.wait("Message", text=text)
                assert (got["chat"], got["sender"], got["sender_alt"]) == (
                    circle.group,
                    lid(network, number),
                    pn(number),
                )
    for number in (circle.alice, circle.bob):  # a session's own phone shows what the session wrote
        assert shown(network, number, circle.group) == expected
    for number in circle.phones:
        assert shown(network, number, circle.group) == [entry for entry in expected if entry[0] != pn(number)]
    for session, number in ((circle.a, circle.alice), (circle.b, circle.bob)):
        assert heard(session, circle.group) == [text for author, text in expected if author != pn(number)]
        assert not [one for one in session.events if one["event"] == "UndecryptableMessage"]
    wait_until(
        lambda: None if any(waiting_stanzas(network, number) for number in (circle.alice, circle.bob)) else True,
        "the last acknowledgement",
    )


def test_receipts_name_each_reader(network: NetworkProcess, circle: Circle) -> None:
    sent = circle.a.send(circle.group, "quem leu?")
    carol = circle.phones[0]
    delivered = circle.a.wait("Receipt", ids=[sent["id"]], type=DELIVERED, sender=lid(network, carol))
    assert (delivered["chat"], delivered["sender_alt"]) == (circle.group, pn(carol))
    assert network.ask("phone.read", numero=carol, chat=circle.group) == {"ids": [sent["id"]]}
    circle.a.wait("Receipt", ids=[sent["id"]], type=READ, sender=lid(network, carol), chat=circle.group)
    own = network.ask("phone.send", numero=carol, to=circle.group, text="eu")
    circle.b.wait("Message", text="eu")
    circle.b.ask("mark_group_read", group=circle.group, sender=lid(network, carol), ids=[own["id"]])

    def read() -> dict[str, Any] | None:
        activity = network.ask("phone.activity", numero=carol)["activity"]
        return next((one for one in activity if one["kind"] == "read"), None)

    noticed = wait_until(read, "the read receipt")
    assert (noticed["chat"], noticed["from"], noticed["ids"]) == (circle.group, pn(circle.bob), [own["id"]])
    network.ask("phone.typing", numero=carol, to=circle.group, typing=True)
    assert circle.a.wait("ChatPresence", chat=circle.group)["sender"] == lid(network, carol)


def test_members_come_rise_fall_and_go(network: NetworkProcess, circle: Circle, new_phone: NewPhone) -> None:
    frank = new_phone("Frank")
    circle.b.wait("JoinedGroup")
    added = circle.a.ask("change_participants", group=circle.group, participants=[pn(frank)], action="add")
    assert [(one["lid"], one["pn"], one["error"]) for one in added] == [(lid(network, frank), pn(frank), 0)]
    assert circle.b.wait("GroupInfo")["join"] == [lid(network, frank)]
    assert circle.b.ask("number_of", lid=lid(network, frank)) == pn(frank)
    circle.b.send(circle.group, "bem-vindo")
    assert shown(network, frank, circle.group) == [(pn(circle.bob), "bem-vindo")]
    for action in ("promote", "demote"):
        circle.a.ask("change_participants", group=circle.group, participants=[lid(network, frank)], action=action)
        assert circle.b.wait("GroupInfo")[action] == [lid(network, frank)]
    network.ask("phone.group_change", numero=frank, group=circle.group, action="leave")
    left = circle.b.wait("GroupInfo")
    assert (left["leave"], left["by"]) == ([lid(network, frank)], lid(network, frank))
    removed = circle.a.ask("change_participants", group=circle.group, participants=[pn(circle.bob)], action="remove")
    assert removed[0]["pn"] == pn(circle.bob)
    gone = circle.b.wait("GroupInfo", leave=[lid(network, circle.bob)])
    assert gone["by"] == lid(network, circle.alice)
    with pytest.raises(RuntimeError, match="not participating"):
        circle.b.ask("group_info", group=circle.group)
    circle.a.send(circle.group, "sem Bob")
    assert shown(network, circle.phones[0], circle.group)[-1] == (pn(circle.alice), "sem Bob")
    assert "sem Bob" not in heard(circle.b, circle.group)
    people = [circle.bob, "5500000"]
    again = network.ask(
        "phone.group_change", numero=circle.alice, group=circle.group, action="add", participants=people
    )
    assert [one["code"] for one in again["results"]] == [200, 404]
    assert circle.b.wait("JoinedGroup")["by_pn"] == pn(circle.alice)
    circle.b.ask("leave_group", group=circle.group)
    assert circle.a.wait("GroupInfo", by=lid(network, circle.bob))["leave"] == [lid(network, circle.bob)]
    assert circle.b.ask("group_list") == []


def test_a_group_is_renamed_described_and_closed(network: NetworkProcess, circle: Circle) -> None:
    carol = circle.phones[0]
    circle.a.ask("set_group_name", group=circle.group, name="Novo nome")
    assert circle.b.wait("GroupInfo")["subject"] == "Novo nome"
    for topic in ("Primeira descrição", "Segunda", ""):
        circle.a.ask("set_group_topic", group=circle.group, topic=topic)
        assert circle.b.wait("GroupInfo")["topic"] == topic
    network.ask("phone.group_change", numero=carol, group=circle.group, action="description", value="da Carol")
    assert circle.b.wait("GroupInfo")["topic"] == "da Carol"
    circle.a.ask("set_group_locked", group=circle.group, on=True)
    assert circle.b.wait("GroupInfo")["locked"] is True
    with pytest.raises(RuntimeError, match="403"):
        circle.b.ask("set_group_name", group=circle.group, name="Nome do Bob")
    with pytest.raises(Refused) as refused:
        network.ask("phone.group_change", numero=carol, group=circle.group, action="subject", value="x")
    assert refused.value.status == 403
    circle.a.ask("set_group_announce", group=circle.group, on=True)
    assert circle.b.wait("GroupInfo")["announce"] is True
    info = circle.b.ask("group_info", group=circle.group)
    assert (info["subject"], info["topic"], info["locked"], info["announce"]) == ("Novo nome", "da Carol", True, True)
    with pytest.raises(RuntimeError, match="405"):
        circle.b.send(circle.group, "calado")
    with pytest.raises(Refused) as refused:
        network.ask("phone.send", numero=carol, to=circle.group, text="calada")
    assert refused.value.status == 403
    circle.a.send(circle.group, "aviso")
    circle.b.wait("Message", text="aviso")
    circle.a.ask("set_group_announce", group=circle.group, on=False)
    assert circle.b.wait("GroupInfo")["announce"] is False
    circle.b.send(circle.group, "de volta")
    circle.a.wait("Message", text="de volta")
    with pytest.raises(RuntimeError, match="406"):
        circle.a.ask("set_group_name", group=circle.group, name="x" * 101)


def test_links_invite_until_they_are_revoked(network: NetworkProcess, new_phone: NewPhone, circle: Circle) -> None:
    frank, grace = new_phone("Frank"), new_phone("Grace")
    link = circle.a.ask("invite_link", group=circle.group)
    assert link.startswith("https://chat.whatsapp.com/")
    with pytest.raises(RuntimeError):
        circle.b.ask("invite_link", group=circle.group)
    joined = network.ask("phone.group_change", numero=frank, action="join", value=link)
    assert (joined["jid"], joined["pending"], joined["role"]) == (circle.group, False, "member")
    news = circle.a.wait("GroupInfo")
    assert (news["join"], news["reason"]) == ([lid(network, frank)], "invite")
    circle.b.ask("leave_group", group=circle.group)
    assert circle.b.ask("info_from_link", link=link)["subject"] == "Círculo"
    assert circle.b.ask("join_by_link", link=link) == circle.group
    assert circle.b.wait("JoinedGroup", reason="invite")["group"] == circle.group
    fresh = circle.a.ask("invite_link", group=circle.group, revoke=True)
    assert fresh != link
    with pytest.raises(Refused) as refused:
        network.ask("phone.group_change", numero=grace, action="join", value=link)
    assert refused.value.status == 404
    network.ask("phone.group_change", numero=circle.alice, group=circle.group, action="approval")
    assert network.ask("phone.group_change", numero=grace, action="join", value=fresh)["pending"] is True
    assert circle.a.ask("join_requests", group=circle.group) == [lid(network, grace)]
    approved = network.ask(
        "phone.group_change", numero=circle.alice, group=circle.group, action="approve", participants=[grace]
    )
    assert [one["code"] for one in approved["results"]] == [200]
    assert circle.a.wait("GroupInfo", join=[lid(network, grace)])["by"] == lid(network, circle.alice)
    assert circle.a.ask("join_requests", group=circle.group) == []


def test_a_phone_founds_a_group_and_sessions_take_part(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, carol, session = new_phone("Alice"), new_phone("Carol"), new_session()
    session.pair(alice)
    group = network.ask("phone.group_create", numero=carol, subject="Dela", participants=[alice])
    joined = session.wait("JoinedGroup")
    assert (joined["group"], joined["info"]["owner_pn"]) == (group["jid"], pn(carol))
    first = network.ask("phone.send", numero=carol, to=group["jid"], text="oi")
    assert session.wait("Message", text="oi")["message_id"] == first["id"]
    sent = session.send(group["jid"], "olá")
    assert shown(network, carol, group["jid"]) == [(pn(alice), "olá")]
    # Its own phone shows what the session sent, and the other's message once.
    assert shown(network, alice, group["jid"]) == [(pn(carol), "oi"), (pn(alice), "olá")]
    assert [entry["id"] for entry in network.inbox(carol)] == [sent["id"]]
    network.ask("phone.send", numero=alice, to=group["jid"], text="do meu telefone")
    assert session.wait("Message", text="do meu telefone")["from_me"] is True
    network.ask("fault.set", numero=alice, kind="nack", code=500)
    with pytest.raises(RuntimeError, match="500"):
        session.send(group["jid"], "recusada")
    assert shown(network, carol, group["jid"])[-1] == (pn(alice), "do meu telefone")
    changes = [one for one in network.ask("phone.activity", numero=alice)["activity"] if one["chat"] == group["jid"]]
    assert changes[0]["kind"] == "group_create"
