"""Whom a send is for: spellings of Brazilian numbers, and what is remembered of WhatsApp's answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from neonize.proto.Neonize_pb2 import JID, IsOnWhatsAppResponse

from flashapi.connections import Connections
from flashapi.errors import InvalidInput, NotRegistered
from flashapi.events import Person
from workers import people
from workers.addressing import check, resolve, spellings
from workers.from_whatsapp import jid_text

ALICE, BOB, LIVE = (
    SimpleNamespace(id=name, mode=mode) for name, mode in (("a", "sandbox"), ("b", "sandbox"), ("l", "live"))
)
"""Three sessions."""


class Directory:
    """Answers as neonize does for a network where only some spellings exist, and counts the questions."""

    def __init__(self, accounts: dict[str, str]) -> None:
        self.accounts = accounts
        self.asked: list[tuple[str, ...]] = []

    def call(self, name: str, *arguments: Any, **_keywords: Any) -> Any:
        if name == "get_pn_from_lid":
            number = next((number for number, lid in self.accounts.items() if lid == arguments[0].User), "")
            return JID(User=number, Server="s.whatsapp.net", RawAgent=0, Device=0, Integrator=0, IsEmpty=not number)
        assert name == "is_on_whatsapp"
        self.asked.append(arguments)
        return [self._answer(question) for question in arguments]

    def _answer(self, question: str) -> IsOnWhatsAppResponse:
        lid = self.accounts.get(question.lstrip("+"))
        jid = JID(User=lid or "", Server="lid", RawAgent=0, Device=0, Integrator=0, IsEmpty=lid is None)
        return IsOnWhatsAppResponse(Query=question, JID=jid, IsIn=lid is not None)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("5511987654321", ["5511987654321", "551187654321"]),
        ("551187654321", ["551187654321", "5511987654321"]),
        ("551132654321", ["551132654321"]),  # a landline has no ninth digit
        ("14155550100", ["14155550100"]),
    ],
)
def test_brazilian_mobiles_have_two_spellings(number: str, expected: list[str]) -> None:
    assert spellings(number) == expected


@pytest.mark.parametrize("asked", ["5511987654321", "551187654321"])
def test_either_spelling_reaches_the_account_that_exists(connections: Connections, asked: str) -> None:
    directory = Directory({"551187654321": "1234"})
    assert jid_text(resolve(directory, connections, ALICE, asked)) == "551187654321@s.whatsapp.net"
    assert jid_text(resolve(directory, connections, ALICE, f"{asked}@c.us")) == "551187654321@s.whatsapp.net"


def test_an_answer_is_remembered(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    for _ in range(3):
        resolve(directory, connections, ALICE, "5511987654321")
    assert len(directory.asked) == 1


def test_what_one_network_says_is_not_believed_of_the_other(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    resolve(directory, connections, ALICE, "5511987654321")
    resolve(directory, connections, LIVE, "5511987654321")
    assert len(directory.asked) == 2


def test_an_unregistered_number_is_refused_by_name(connections: Connections) -> None:
    with pytest.raises(NotRegistered, match="5511900000000"):
        resolve(Directory({}), connections, ALICE, "5511900000000")


def test_groups_and_unknown_lids_pass_unasked(connections: Connections) -> None:
    directory = Directory({})
    for jid in ("120363000000000001@g.us", "1234@lid"):
        assert jid_text(resolve(directory, connections, ALICE, jid)) == jid
    assert directory.asked == []


def test_a_known_lid_is_the_phone_it_belongs_to(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    assert jid_text(resolve(directory, connections, ALICE, "1234@lid")) == "5511987654321@s.whatsapp.net"


def test_an_unknown_server_is_refused(connections: Connections) -> None:
    with pytest.raises(InvalidInput, match="to"):
        resolve(Directory({}), connections, ALICE, "alguem@example.com")


def test_many_numbers_are_one_question(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1", "14155550100": "2"})
    accounts = check(directory, connections, ALICE, ["5511987654321", "14155550100", "5511900000000"])
    assert [account.exists for account in accounts] == [True, True, False]
    assert len(directory.asked) == 1


def test_whose_number_is_behind_a_lid_one_session_does_not_tell_another(connections: Connections) -> None:
    """A group that hides numbers shows LIDs; who knows the number by other ways knows it alone."""
    phone, lid = "5511987654321@s.whatsapp.net", "1234@lid"
    stranger = Directory({})  # alice's whatsmeow knows nobody
    with connections.transaction() as connection:
        people.learn(connection, BOB, [Person(jid=phone, lid=lid)])
        assert people.names(connection, BOB, [lid])[lid].jid == phone
    assert people.introduce(stranger, connections, ALICE, [lid])[lid] == Person(jid=None, lid=lid)
    assert people.accounts(stranger, connections, ALICE, [lid]) == [Person(jid=None, lid=lid)]


def test_a_question_by_number_is_asked_once_for_all_sessions_and_tells_each_who_it_is(
    connections: Connections,
) -> None:
    directory = Directory({"5511987654321": "1234"})
    both = Person(jid="5511987654321@s.whatsapp.net", lid="1234@lid")
    for session in (BOB, ALICE):
        assert people.accounts(directory, connections, session, ["5511987654321"]) == [both]
        with connections.reading() as connection:
            assert people.names(connection, session, ["1234@lid"])["1234@lid"] == both
    assert len(directory.asked) == 1


def test_a_number_that_went_to_somebody_else_is_known_of_the_new_one_alone(connections: Connections) -> None:
    phone = "5511987654321@s.whatsapp.net"
    with connections.transaction() as connection:
        people.learn(connection, ALICE, [Person(jid=phone, lid="1@lid")])
        people.learn(connection, ALICE, [Person(jid=phone, lid="2@lid")])
        known = people.names(connection, ALICE, ["1@lid", "2@lid"])
    assert (known["1@lid"].jid, known["2@lid"].jid) == (None, phone)
