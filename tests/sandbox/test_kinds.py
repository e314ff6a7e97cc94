"""Every other kind of message between real sessions and phones, both ways, and what changes messages afterwards."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from sandbox import contents, messages
from sandbox.protobufs import e2e
from tests.sandbox.conftest import NewPhone
from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused

VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Carla\nTEL;waid=5511999990000:+55 11 99999-0000\nEND:VCARD"


def give(session: ClientProcess, to: str, message: messages.Message) -> str:
    """Let the session send a message that the test has built."""
    return str(session.ask("send_message", to=to, message=base64.b64encode(message.SerializeToString()).decode()))


def received(session: ClientProcess, id: str) -> messages.Message:
    return e2e.Message.FromString(base64.b64decode(session.wait("Message", message_id=id)["message"]))


@pytest.mark.parametrize(
    ("message", "type", "text", "details"),
    [
        (
            contents.write_location(-23.5, -46.6, "Praça", "Rua 1"),
            "locationMessage",
            "Praça",
            {"latitude": -23.5, "longitude": -46.6, "name": "Praça", "address": "Rua 1"},
        ),
        (contents.write_contacts([("Carla", VCARD)]), "contactMessage", "Carla", {"name": "Carla", "vcard": VCARD}),
        (
            contents.write_contacts([("Carla", VCARD), ("Davi", VCARD)]),
            "contactsArrayMessage",
            "2 contatos",
            {"contacts": [{"name": "Carla", "vcard": VCARD}, {"name": "Davi", "vcard": VCARD}]},
        ),
        (
            contents.write_text(
                "veja https://example.org", {"url": "https://example.org", "title": "Exemplo", "description": "Um só"}
            ),
            "extendedTextMessage",
            "veja https://example.org",
            {"url": "https://example.org", "title": "Exemplo", "description": "Um só"},
        ),
        (
            contents.write_poll("Café?", ["sim", "não"], 1),
            "pollCreationMessageV3",
            "Café?",
            {"question": "Café?", "options": ["sim", "não"], "selectable": 1},
        ),
    ],
)
def test_a_phone_shows_what_is_particular_to_a_kind(
    network: NetworkProcess,
    new_phone: NewPhone,
    alice_session: ClientProcess,
    message: messages.Message,
    type: str,
    text: str,
    details: dict[str, Any],
) -> None:
    bob = new_phone("Bob")
    id = give(alice_session, bob, message)
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["id"], shown["type"], shown["text"], shown["details"]) == (id, type, text, details)


def test_a_session_gets_the_kinds_that_phones_send(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")

    def send(**fields: Any) -> messages.Message:
        return received(alice_session, network.ask("phone.send", numero=bob, to=alice, **fields)["id"])

    place = send(type="location", latitude=-23.5, longitude=-46.6, name="Praça", address="Rua 1").locationMessage
    assert (place.degreesLatitude, place.degreesLongitude, place.name) == (-23.5, -46.6, "Praça")
    assert send(type="contact", name="Carla", vcard=VCARD).contactMessage.vcard == VCARD
    cards = [{"name": "Carla", "vcard": VCARD}, {"name": "Davi", "vcard": VCARD}]
    assert len(send(type="contact", contacts=cards).contactsArrayMessage.contacts) == 2
    poll = send(type="poll", question="Café?", options=["sim", "não"])
    assert [option.optionName for option in poll.pollCreationMessageV3.options] == ["sim", "não"]
    assert len(poll.messageContextInfo.messageSecret) == 32
    assert send(type="poll", question="Quais?", options=["a", "b"], selectable=0).HasField("pollCreationMessage")
    preview = {"url": "https://example.org", "title": "Exemplo"}
    assert send(text="veja https://example.org", preview=preview).extendedTextMessage.title == "Exemplo"
    once = send(type="image", data=base64.b64encode(b"x").decode(), viewOnce=True)
    assert once.imageMessage.viewOnce or once.viewOnceMessageV2.message.imageMessage.viewOnce


def test_a_phone_answers_and_mentions(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    asked = alice_session.send(bob, "pergunta")["id"]
    network.wait_inbox(bob, 1)
    sent = network.ask("phone.send", numero=bob, to=alice, text="resposta", quoted=asked, mentions=[alice])
    context = received(alice_session, sent["id"]).extendedTextMessage.contextInfo
    lid = network.phone(alice)["lid"]
    assert (context.stanzaID, context.participant, list(context.mentionedJID)) == (asked, lid, [lid])
    assert context.quotedMessage.conversation == "pergunta"
    data = base64.b64encode(b"abc").decode()
    sent = network.ask("phone.send", numero=bob, to=alice, type="document", data=data, fileName="a", quoted=asked)
    assert received(alice_session, sent["id"]).documentMessage.contextInfo.stanzaID == asked
    with pytest.raises(Refused, match="quoted"):
        network.ask("phone.send", numero=bob, to=alice, type="reaction", target=asked, emoji="👍", quoted=asked)
    with pytest.raises(Refused, match="quoted"):
        network.ask("phone.send", numero=bob, to=alice, text="a", quoted="NADA")


def test_a_phone_shows_what_is_answered_and_who_is_mentioned(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    sent = network.ask("phone.send", numero=bob, to=alice, text="pergunta")["id"]
    alice_session.wait("Message", message_id=sent)
    message = contents.write_text("resposta")
    lid = network.phone(bob)["lid"]
    contents.add_quote(message, sent, lid, contents.write_text("pergunta"))
    contents.add_mentions(message, [lid])
    give(alice_session, bob, message)
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["text"], shown["quoted"], shown["mentions"]) == ("resposta", sent, [lid])


def test_reactions_go_both_ways(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    sent = network.ask("phone.send", numero=bob, to=alice, text="olá")["id"]
    alice_session.wait("Message", message_id=sent)
    alice_session.ask("react", message_id=sent, emoji="🎉")
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["type"], shown["target"], shown["details"]) == ("reactionMessage", sent, {"emoji": "🎉"})
    own = alice_session.send(bob, "oi")["id"]
    network.wait_inbox(bob, 2)
    for emoji, edit in (("👍", ""), ("", "7")):
        reaction = network.ask("phone.send", numero=bob, to=alice, type="reaction", target=own, emoji=emoji)
        got = alice_session.wait("Message", message_id=reaction["id"])
        content = e2e.Message.FromString(base64.b64decode(got["message"])).reactionMessage
        assert (content.text, content.key.ID, content.key.fromMe, got["type"]) == (emoji, own, False, "reaction")
        assert got["edit"] == edit


def test_edits_and_revokes_go_both_ways(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    own = alice_session.send(bob, "errado")["id"]
    alice_session.ask("edit", chat=bob, message_id=own, text="certo")
    alice_session.ask("revoke", chat=bob, sender=alice, message_id=own)
    _, edited, revoked = network.wait_inbox(bob, 3)
    assert (edited["text"], edited["target"], edited["details"]) == ("certo", own, {"action": "edit"})
    assert (revoked["text"], revoked["target"], revoked["details"]) == (None, own, {"action": "revoke"})

    sent = network.ask("phone.send", numero=bob, to=alice, text="errado")["id"]
    alice_session.wait("Message", message_id=sent)
    edit = network.ask("phone.send", numero=bob, to=alice, type="edit", target=sent, text="certo")["id"]
    got = alice_session.wait("Message", message_id=edit)
    assert got["edit"] == "1"
    content = e2e.Message.FromString(base64.b64decode(got["message"]))
    assert "certo" in content.SerializeToString().decode(errors="replace")
    revoke = network.ask("phone.send", numero=bob, to=alice, type="revoke", target=sent)["id"]
    got = alice_session.wait("Message", message_id=revoke)
    content = e2e.Message.FromString(base64.b64decode(got["message"])).protocolMessage
    assert (got["edit"], content.key.ID, content.type) == ("7", sent, e2e.ProtocolMessage.REVOKE)
    with pytest.raises(Refused) as refused:
        network.ask("phone.send", numero=bob, to=alice, type="revoke", target=own)
    assert refused.value.status == 403


def test_a_phone_votes_and_the_session_reads_it(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    poll = alice_session.ask("poll", to=bob, question="Café?", options=["sim", "não", "talvez"], selectable=0)
    network.wait_inbox(bob, 1)
    for choices in (["sim", "talvez"], []):
        vote = network.ask("phone.send", numero=bob, to=alice, type="vote", target=poll, choices=choices)["id"]
        assert alice_session.wait("Message", message_id=vote)["type"] == "poll"
        digests = [hashlib.sha256(choice.encode()).hexdigest() for choice in choices]
        assert alice_session.ask("read_vote", message_id=vote) == digests
    with pytest.raises(Refused, match="sim, não, talvez"):
        network.ask("phone.send", numero=bob, to=alice, type="vote", target=poll, choices=["chá"])


def test_a_session_votes_and_the_phone_reads_it(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    poll = network.ask("phone.send", numero=bob, to=alice, type="poll", question="Café?", options=["sim", "não"])["id"]
    alice_session.wait("Message", message_id=poll)
    alice_session.ask("vote", message_id=poll, options=["não"])
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["type"], shown["target"], shown["details"]) == ("pollUpdateMessage", poll, {"choices": ["não"]})


def test_two_phones_vote_without_a_session(network: NetworkProcess, new_phone: NewPhone) -> None:
    ana, bob = new_phone("Ana"), new_phone("Bob")
    poll = network.ask("phone.send", numero=ana, to=bob, type="poll", question="?", options=["a", "b"])["id"]
    network.ask("phone.send", numero=bob, to=ana, type="vote", target=poll, choices=["b"])
    [shown] = network.wait_inbox(ana, 1)
    assert shown["details"] == {"choices": ["b"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "location", "latitude": 91, "longitude": 0},
        {"type": "location", "latitude": True, "longitude": 0},
        {"type": "contact", "name": "Carla"},
        {"type": "contact", "contacts": []},
        {"type": "poll", "question": "?", "options": ["uma"]},
        {"type": "poll", "question": "?", "options": ["a", "a"]},
        {"type": "poll", "question": "?", "options": ["a", "b"], "selectable": 3},
        {"type": "reaction", "target": "NADA", "emoji": "👍"},
        {"type": "vote", "target": "NADA", "choices": []},
        {"text": "a", "mentions": "b"},
    ],
)
def test_wrong_fields_are_refused(network: NetworkProcess, new_phone: NewPhone, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        network.ask("phone.send", numero=new_phone("Bob"), to=new_phone("Ana"), **wrong)
    assert refused.value.status == 400
