"""Whom a send is for: spellings of Brazilian numbers, and what is remembered of WhatsApp's answers."""

from typing import Any

import pytest
from neonize.proto.Neonize_pb2 import JID, IsOnWhatsAppResponse

from flashapi.connections import Connections
from flashapi.errors import InvalidInput, NotRegistered
from workers.addressing import check, resolve, spellings
from workers.from_whatsapp import jid_text


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
    assert jid_text(resolve(directory, connections, "sandbox", asked)) == "551187654321@s.whatsapp.net"
    assert jid_text(resolve(directory, connections, "sandbox", f"{asked}@c.us")) == "551187654321@s.whatsapp.net"


def test_an_answer_is_remembered(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    for _ in range(3):
        resolve(directory, connections, "sandbox", "5511987654321")
    assert len(directory.asked) == 1


def test_what_one_network_says_is_not_believed_of_the_other(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    resolve(directory, connections, "sandbox", "5511987654321")
    resolve(directory, connections, "live", "5511987654321")
    assert len(directory.asked) == 2


def test_an_unregistered_number_is_refused_by_name(connections: Connections) -> None:
    with pytest.raises(NotRegistered, match="5511900000000"):
        resolve(Directory({}), connections, "sandbox", "5511900000000")


def test_groups_and_unknown_lids_pass_unasked(connections: Connections) -> None:
    directory = Directory({})
    for jid in ("120363000000000001@g.us", "1234@lid"):
        assert jid_text(resolve(directory, connections, "sandbox", jid)) == jid
    assert directory.asked == []


def test_a_known_lid_is_the_phone_it_belongs_to(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1234"})
    assert jid_text(resolve(directory, connections, "sandbox", "1234@lid")) == "5511987654321@s.whatsapp.net"


def test_an_unknown_server_is_refused(connections: Connections) -> None:
    with pytest.raises(InvalidInput, match="to"):
        resolve(Directory({}), connections, "sandbox", "alguem@example.com")


def test_many_numbers_are_one_question(connections: Connections) -> None:
    directory = Directory({"5511987654321": "1", "14155550100": "2"})
    accounts = check(directory, connections, "sandbox", ["5511987654321", "14155550100", "5511900000000"])
    assert [account.exists for account in accounts] == [True, True, False]
    assert len(directory.asked) == 1
