"""Every kind of message without a file, out and in, and what can be done to messages: seen by the phones, as events."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

EVENTS = ["message_received", "message_update", "presence_update", "chats_update", "call", "messaging_history_set",
          "message_undecryptable"]  # fmt: skip


@dataclass
class Cast:
    """Alice's session, listening, and her friend Bob with his phone."""

    installation: Installation
    session: Session
    alice: Phone
    bob: Phone
    socket: SocketListener

    def post(self, path: str, **body: Any) -> Any:
        """POST /api/chat/<path> to Bob; its data."""
        return self.session.api("POST", f"/api/chat/{path}", {"to": self.bob.number, **body})["data"]

    def shown(self, message_id: str) -> dict[str, Any]:
        """What Bob's phone shows of a message, once it is there."""
        found = wait_until(
            lambda: [entry for entry in self.bob.inbox() if entry["id"] == message_id], f"bob shows {message_id}"
        )
        return dict(found[0])  # type: ignore[index]

    def received(self, message_id: str) -> dict[str, Any]:
        """The data of the session's `message_received` of this message."""
        frame = self.socket.wait_event("message_received", lambda data: data["id"] == message_id)
        return dict(frame["data"])

    def presence_of_bob(self, known: str) -> dict[str, Any]:
        """The data of the `presence_update` that tells this of Bob."""
        frame = self.socket.wait_event(
            "presence_update", lambda data: data["presences"].get(self.bob.jid) == {"lastKnownPresence": known}
        )
        return dict(frame["data"])

    def from_bob(self, **fields: Any) -> dict[str, Any]:
        """Bob's phone sends; the data of the event it becomes."""
        return self.received(self.bob.do("send", to=self.alice.number, **fields)["id"])


@pytest.fixture(scope="module")
def cast(installation: Installation) -> Iterator[Cast]:
    alice, bob = installation.phone("5511955550001", "Alice"), installation.phone("5511955550002", "Bob")
    session = installation.paired("tipos-de-mensagem", alice)
    with SocketListener(installation.base, session.key, events=EVENTS) as socket:
        yield Cast(installation, session, alice, bob, socket)


def test_a_location(cast: Cast) -> None:
    sent = cast.post("send-location", latitude="-23.55", longitude=-46.63, name="Praça da Sé", address="São Paulo")
    shown = cast.shown(sent["id"])
    assert shown["type"] == "locationMessage"
    assert shown["details"]["latitude"] == pytest.approx(-23.55)
    assert (shown["details"]["name"], shown["details"]["address"]) == ("Praça da Sé", "São Paulo")
    came = cast.from_bob(type="location", latitude=1.5, longitude=0, name="Aqui")
    assert came["type"] == "locationMessage"
    assert came["location"]["latitude"] == 1.5 and came["location"]["name"] == "Aqui"


def test_contacts(cast: Cast) -> None:
    card = {"displayName": "Maria", "vcard": "BEGIN:VCARD\nVERSION:3.0\nFN:Maria\nEND:VCARD"}
    one = cast.shown(cast.post("send-contact", contact=card)["id"])
    assert one["type"] == "contactMessage"
    assert (one["details"]["name"], one["details"]["vcard"]) == ("Maria", card["vcard"])
    several = cast.shown(cast.post("send-contact", contacts=[card, card])["id"])
    assert several["type"] == "contactsArrayMessage" and len(several["details"]["contacts"]) == 2
    came = cast.from_bob(type="contact", name="João", vcard="BEGIN:VCARD\nFN:João\nEND:VCARD")
    assert came["contacts"] == [{"displayName": "João", "vcard": "BEGIN:VCARD\nFN:João\nEND:VCARD"}]
    cards = [{"name": name, "vcard": f"BEGIN:VCARD\nFN:{name}\nEND:VCARD"} for name in ("João", "Ana")]
    came = cast.from_bob(type="contact", contacts=cards)
    assert came["type"] == "contactsArrayMessage"
    assert [card["displayName"] for card in came["contacts"]] == ["João", "Ana"]


def test_a_poll_of_ours_is_voted_on(cast: Cast) -> None:
    sent = cast.post("send-poll", name="Quando?", options=["Sexta", "Sábado", "Domingo"], selectableCount=2)
    shown = cast.shown(sent["id"])
    assert shown["type"].startswith("pollCreationMessage")
    assert shown["details"]["options"] == ["Sexta", "Sábado", "Domingo"]
    vote = cast.from_bob(type="vote", target=sent["id"], choices=["Sexta", "Domingo"])
    assert vote["type"] == "pollUpdateMessage"
    assert vote["vote"] == {"pollId": sent["id"], "pollName": "Quando?", "options": ["Sexta", "Domingo"]}
    assert vote["message"]["message"]["PollVote"] == "Domingo"
    totals = cast.session.api("GET", f"/api/chat/poll/{sent['id']}")["data"]
    assert [(option["name"], option["votes"]) for option in totals["options"]] == [
        ("Sexta", 1), ("Sábado", 0), ("Domingo", 1),
    ]  # fmt: skip
    assert totals["options"][0]["voters"] == [cast.bob.jid]
    changed = cast.from_bob(type="vote", target=sent["id"], choices=["Sábado"])
    assert changed["vote"]["options"] == ["Sábado"]
    totals = cast.session.api("GET", f"/api/chat/poll/{sent['id']}")["data"]
    assert [option["votes"] for option in totals["options"]] == [0, 1, 0] and totals["total"] == 1


def test_a_poll_of_theirs_arrives_with_its_options(cast: Cast) -> None:
    came = cast.from_bob(type="poll", question="Pizza?", options=["Sim", "Não"])
    assert came["poll"] == {"name": "Pizza?", "options": ["Sim", "Não"], "selectableCount": 1}


def test_reactions(cast: Cast) -> None:
    sent = cast.session.send(cast.bob.number, "reaja")
    cast.shown(sent["id"])
    came = cast.from_bob(type="reaction", target=sent["id"], emoji="🎉")
    assert came["reaction"] == {"emoji": "🎉", "messageId": sent["id"]}
    theirs = cast.bob.do("send", to=cast.alice.number, text="minha vez")["id"]
    cast.received(theirs)
    for emoji in ("👍", ""):
        ours = cast.post("send-reaction", messageId=theirs, emoji=emoji)
        shown = cast.shown(ours["id"])
        assert (shown["type"], shown["target"], shown["details"]["emoji"]) == ("reactionMessage", theirs, emoji)


def test_an_answer_quotes(cast: Cast) -> None:
    theirs = cast.bob.do("send", to=cast.alice.number, text="pergunta")["id"]
    cast.received(theirs)
    sent = cast.session.send(cast.bob.number, "resposta", quoted=theirs, mentions=[cast.bob.number])
    shown = cast.shown(sent["id"])
    assert shown["text"] == "resposta" and shown["quoted"] == theirs
    assert shown["mentions"]
    place = cast.post("send-location", latitude=0, longitude=0, quoted=theirs)
    assert cast.shown(place["id"])["quoted"] == theirs
    came = cast.from_bob(type="text", text="réplica", quoted=sent["id"])
    assert came["quoted"]["id"] == sent["id"]
    refused = cast.session.try_send(cast.bob.number, "x", quoted="NAOEXISTE")
    assert (refused.status_code, refused.json()["message"]) == (400, "quoted: mensagem NAOEXISTE não encontrada")


def test_an_edit_both_ways(cast: Cast) -> None:
    sent = cast.session.send(cast.bob.number, "errado")
    cast.shown(sent["id"])
    answer = cast.session.api("PUT", "/api/chat/edit", {"messageId": sent["id"], "text": "certo"})
    assert answer["message"] == "Mensagem editada com sucesso"
    wait_until(
        lambda: [e for e in cast.bob.inbox() if e["target"] == sent["id"] and e["details"].get("action") == "edit"],
        "bob sees the edit",
    )
    ours = cast.socket.wait_event("message_update", lambda data: data["id"] == sent["id"] and data.get("edited"))
    assert (ours["data"]["content"], ours["data"]["fromMe"]) == ("certo", True)
    stored = cast.session.api("GET", f"/api/chat/messages/{sent['id']}")["data"]
    assert stored["editedAt"] and "certo" in str(stored["conteudo_mensagem"])

    theirs = cast.bob.do("send", to=cast.alice.number, text="oii")["id"]
    cast.received(theirs)
    cast.bob.do("send", to=cast.alice.number, type="edit", target=theirs, text="oi")
    update = cast.socket.wait_event("message_update", lambda data: data["id"] == theirs and data.get("edited"))
    assert update["data"]["content"] == "oi"
    assert update["data"]["update"]["key"]["id"] == theirs


def test_a_revocation_both_ways(cast: Cast) -> None:
    sent = cast.session.send(cast.bob.number, "apague")
    cast.shown(sent["id"])
    answer = cast.session.api("DELETE", f"/api/chat/delete/{sent['id']}")
    assert answer["message"] == "Mensagem deletada"
    wait_until(
        lambda: [e for e in cast.bob.inbox() if e["target"] == sent["id"] and e["details"].get("action") == "revoke"],
        "bob sees the revocation",
    )
    assert cast.session.api("GET", f"/api/chat/messages/{sent['id']}")["data"]["revokedAt"]
    theirs = cast.bob.do("send", to=cast.alice.number, text="ops")["id"]
    cast.received(theirs)
    cast.bob.do("send", to=cast.alice.number, type="revoke", target=theirs)
    update = cast.socket.wait_event("message_update", lambda data: data["id"] == theirs and data.get("revoked"))
    assert update["data"]["update"]["update"] == {"message": None, "messageStubType": 1}
    missing = cast.installation.request("DELETE", "/api/chat/delete/NAOEXISTE", key=cast.session.key)
    assert missing.json() == {"success": False, "message": "Mensagem não encontrada", "data": []}


def test_a_forward(cast: Cast) -> None:
    theirs = cast.bob.do("send", to=cast.alice.number, text="passe adiante")["id"]
    cast.received(theirs)
    sent = cast.post("forward", messageId=theirs)
    shown = cast.shown(sent["id"])
    assert shown["text"] == "passe adiante" and shown["details"]["forwarded"] is True


@pytest.mark.parametrize(
    "path, body",
    [
        ("send-location", {"latitude": 1, "longitude": 1}),
        ("send-poll", {"name": "Fila?", "options": ["a", "b"]}),
        ("send-contact", {"contact": {"displayName": "X", "vcard": "BEGIN:VCARD\nEND:VCARD"}}),
        ("send-reaction", {"emoji": "🚀"}),
    ],
)
def test_every_kind_goes_through_the_queue(cast: Cast, path: str, body: dict[str, Any]) -> None:
    if path == "send-reaction":
        body["messageId"] = cast.session.send(cast.bob.number, "para reagir")["id"]
    before = {entry["id"] for entry in cast.bob.inbox()}
    assert cast.post(path, useQueue=True, delay=100, **body)["queued"] is True
    kind = {"send-location": "location", "send-poll": "pollCreation", "send-contact": "contact"}.get(path, "reaction")
    wait_until(
        lambda: [e for e in cast.bob.inbox() if e["id"] not in before and e["type"].startswith(kind)],
        f"bob shows what {path} queued",
    )


def test_typing_and_presence(cast: Cast) -> None:
    answer = cast.session.api("POST", "/api/chat/typing", {"to": cast.bob.number, "typing": True})
    assert answer["message"] == "Status de digitação iniciado com sucesso"
    answer = cast.session.api("POST", "/api/chat/typing", {"to": cast.bob.number, "typing": "false"})
    assert answer == {
        "success": True, "message": "Status de digitação parado com sucesso", "data": {"success": True},
    }  # fmt: skip
    cast.session.api("POST", "/api/chat/presence-subscribe", {"jid": cast.bob.number})
    cast.bob.do("presence", available=True)
    seen = cast.presence_of_bob("available")
    assert (seen["sender"], seen["senderLid"]) == (cast.bob.jid, cast.bob.lid)
    cast.bob.do("typing", to=cast.alice.number, typing=True)
    assert cast.presence_of_bob("composing")["jid"] == cast.bob.jid


def test_reading_marks_the_chat(cast: Cast) -> None:
    theirs = cast.bob.do("send", to=cast.alice.number, text="leia-me")["id"]
    cast.received(theirs)

    def chat() -> dict[str, Any]:
        chats = cast.session.api("GET", "/api/chat/chats")["data"]["chats"]
        return next(dict(chat) for chat in chats if chat["jid"] == cast.bob.jid)

    assert chat()["mensagens_nao_lidas"] > 0
    assert chat()["nome"] == "Bob"
    cast.session.api("POST", "/api/chat/mark-read", {"jid": cast.bob.number})
    assert chat()["mensagens_nao_lidas"] == 0
    assert cast.session.api("GET", f"/api/chat/messages/{theirs}")["data"]["status"] == "read"
    cast.socket.wait_event("chats_update", lambda data: {"id": cast.bob.jid, "unreadCount": 0} in data)
    activity = cast.session.api("POST", "/api/chat/mark-read", {"jid": cast.bob.jid, "messageId": theirs})
    assert activity["message"] == "Mensagem marcada como lida com sucesso"


def test_pages_of_messages(cast: Cast) -> None:
    for number in range(3):
        cast.received(cast.bob.do("send", to=cast.alice.number, text=f"página {number}")["id"])
    seen: list[tuple[int, int]] = []
    query = "limit=2"
    while True:
        page = cast.session.api("GET", f"/api/chat/messages?jid={cast.bob.number}&{query}")["data"]
        seen = [(message["timestamp"], message["id"]) for message in page["messages"]] + seen
        if page["nextBefore"] is None:
            break
        query = f"limit=2&before={page['nextBefore']}"
    whole = cast.session.api("GET", f"/api/chat/messages?jid={cast.bob.number}&limit=500")["data"]
    assert seen == [(row["timestamp"], row["id"]) for row in whole["messages"]] == sorted(seen)
    assert whole["total"] == len(seen)


def test_no_message_is_told_twice_or_empty(cast: Cast) -> None:
    frames = cast.socket.events("message_received")
    ids = [frame["data"]["id"] for frame in frames]
    assert len(ids) == len(set(ids))
    assert all(frame["data"]["message"]["message"] for frame in frames)
