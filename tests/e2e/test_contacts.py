"""Contacts end to end: every route against people who exist, in either spelling, and people who don't."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

NOBODY = "5511900009999"


class People:
    """Alice has a session. Bob has the ninth digit, Carol has not."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.alice = installation.phone("5511985550001", "Alice")
        self.bob = installation.phone("5511985550002", "Bob")
        self.carol = installation.phone("551185550003", "Carol")
        self.session: Session = installation.paired("contatos-alice", self.alice)

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.installation.request(method, path, body, self.session.key)
        return answer.status_code, answer.json()["message"]


@pytest.fixture(scope="module")
def people(installation: Installation) -> People:
    return People(installation)


def contact(session: Session, phone: Phone) -> dict[str, Any] | None:
    contacts = session.api("GET", "/api/contact/list")["data"]["contacts"]
    return next((each for each in contacts if each["jid"] == phone.jid), None)


def jpeg(color: str) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(drawn, "JPEG")
    return drawn.getvalue()


def other_spelling(number: str) -> str:
    """The same Brazilian mobile with the ninth digit, or without it."""
    area, rest = number[:4], number[4:]
    return area + (rest[1:] if len(rest) == 9 else f"9{rest}")


def test_both_spellings_lead_to_the_account_that_exists(people: People) -> None:
    asked = [
        people.bob.number,
        other_spelling(people.bob.number),
        people.carol.number,
        other_spelling(people.carol.number),
        "+55 (11) 98555-0002",
        people.carol.jid,
        people.bob.lid,
        NOBODY,
        "não é um número",
    ]
    answers = people.session.api("POST", "/api/contact/check", {"numbers": asked})["data"]
    assert [each["number"] for each in answers] == asked
    assert [each["jid"] for each in answers] == [
        people.bob.jid, people.bob.jid, people.carol.jid, people.carol.jid,
        people.bob.jid, people.carol.jid, people.bob.jid, None, None,
    ]  # fmt: skip
    assert [each["exists"] for each in answers] == [True] * 7 + [False] * 2
    assert answers[0]["lid"] == people.bob.lid
    assert "error" not in answers[7]
    assert answers[8]["error"]


def test_messages_reach_the_account_in_either_spelling(people: People) -> None:
    for phone in (people.bob, people.carol):
        for number in (phone.number, other_spelling(phone.number), phone.lid):
            sent = people.session.send(number, f"para {number}")
            assert sent["key"]["remoteJid"] == phone.jid
            phone.wait_text(f"para {number}")


def test_only_people_without_an_account_are_asked_for(people: People) -> None:
    [answer] = people.session.api("POST", "/api/contact/check", {"numbers": [NOBODY]})["data"]
    assert answer == {"number": NOBODY, "exists": False, "jid": None, "lid": None}


def test_names_both_ways(people: People) -> None:
    for named in (people.bob.number, people.bob.jid, people.bob.lid, other_spelling(people.bob.number)):
        names = people.session.api("GET", f"/api/contact/lid?jid={named}")["data"]
        assert names == {"jid": people.bob.jid, "lid": people.bob.lid}
    assert people.refused("GET", f"/api/contact/lid?jid={NOBODY}")[0] == 400


def test_whoever_writes_becomes_a_contact(people: People) -> None:
    dora = people.installation.phone("5511985550004", "Dora")
    with SocketListener(people.installation.base, people.session.key, events=["contacts_update"]) as socket:
        dora.do("send", to=people.alice.number, text="oi")
        told = socket.wait_event("contacts_update", lambda data: data[0]["id"] == dora.jid)["data"]
        assert told == [{"id": dora.jid, "jid": dora.jid, "lid": dora.lid, "notify": "Dora"}]
        row = contact(people.session, dora)
        assert row is not None
        assert (row["lid"], row["apelido"], row["sessao_id"]) == (dora.lid, "Dora", people.session.id)
        dora.do("send", to=people.alice.number, text="de novo")
        people.alice.wait_text("de novo")
        asked_again = people.installation.phone(dora.number, "Dora")
        asked_again.do("send", to=people.alice.number, text="pela terceira vez")
        people.alice.wait_text("pela terceira vez")
        assert len([frame for frame in socket.events("contacts_update") if frame["data"][0]["id"] == dora.jid]) == 1


def test_profile(people: People) -> None:
    people.bob.do("status", text="No trabalho")
    people.bob.do("picture", data=base64.b64encode(jpeg("blue")).decode())
    by_get = people.session.api("GET", f"/api/contact/profile?jid={other_spelling(people.bob.number)}")["data"]
    assert (by_get["jid"], by_get["lid"], by_get["status"]) == (people.bob.jid, people.bob.lid, "No trabalho")
    assert by_get["imgUrl"].startswith("http")
    by_post = people.session.api("POST", "/api/contact/profile", {"jid": people.bob.lid})["data"]
    assert (by_post["jid"], by_post["status"], by_post["pictureId"]) == (
        people.bob.jid, "No trabalho", by_get["pictureId"],
    )  # fmt: skip
    row = contact(people.session, people.bob)
    assert row is not None
    assert (row["status_contato"], row["url_imagem"]) == ("No trabalho", by_post["imgUrl"])
    plain = people.session.api("GET", f"/api/contact/profile?jid={people.carol.number}")["data"]
    assert (plain["imgUrl"], plain["pictureId"]) == (None, None)
    assert people.refused("POST", "/api/contact/profile", {"jid": NOBODY})[0] == 400


def test_picture(people: People) -> None:
    drawn = jpeg("red")
    people.bob.do("picture", data=base64.b64encode(drawn).decode())
    path = f"/api/contact/picture?jid={people.bob.number}"
    shown = people.session.api("GET", path)["data"]
    assert (shown["jid"], shown["type"]) == (people.bob.jid, "image")
    file = people.installation.request("GET", f"{path}&download=true", key=people.session.key)
    assert (file.headers["content-type"], file.content) == ("image/jpeg", drawn)
    assert people.session.api("GET", f"{path}&preview=true")["data"]["type"] == "preview"
    assert people.refused("GET", f"/api/contact/picture?jid={people.carol.number}") == (404, "Não há foto de perfil")


def test_a_new_picture_is_told(people: People) -> None:
    eve = people.installation.phone("5511985550005", "Eve")
    people.session.send(eve.number, "oi, Eve")  # now the session follows Eve
    with SocketListener(people.installation.base, people.session.key, events=["contacts_update"]) as socket:
        eve.do("picture", data=base64.b64encode(jpeg("yellow")).decode())
        wanted = [{"id": eve.jid, "jid": eve.jid, "lid": eve.lid, "imgUrl": "changed"}]
        socket.wait_event("contacts_update", lambda data: data == wanted)
        eve.do("picture", data=None)
        wanted = [{"id": eve.jid, "jid": eve.jid, "lid": eve.lid, "imgUrl": "removed"}]
        socket.wait_event("contacts_update", lambda data: data == wanted)


def test_blocking(people: People) -> None:
    frank = people.installation.phone("5511985550006", "Frank")

    def blocked_at_network() -> list[str]:
        path = f"/api/sandbox/phone/{people.alice.number}/info"
        return list(people.installation.api("GET", path)["data"]["blocklist"])

    answer = people.session.api("POST", "/api/contact/block", {"jid": frank.jid})
    assert answer["message"] == "Contato bloqueado com sucesso"
    assert answer["data"] == {"jid": frank.jid, "lid": frank.lid, "action": "blocked"}
    assert {frank.jid, frank.lid} & set(blocked_at_network())
    listed = people.session.api("GET", "/api/contact/blocklist")["data"]
    assert listed == {"contacts": [{"jid": frank.jid, "lid": frank.lid}], "total": 1}
    answer = people.session.api("POST", "/api/contact/unblock", {"jid": frank.lid})
    assert answer["message"] == "Contato desbloqueado com sucesso"
    assert answer["data"] == {"jid": frank.jid, "lid": frank.lid, "action": "unblocked"}
    assert blocked_at_network() == []
    assert people.session.api("GET", "/api/contact/blocklist")["data"]["total"] == 0


def test_synchronising_brings_in_what_the_phone_knows(people: People, name: str) -> None:
    grace = people.installation.phone("5511985550007", "Grace")
    session = people.installation.paired(name, grace)
    chats = [{"with": people.bob.number, "messages": [{"text": "antigo", "fromMe": False, "timestamp": 1_760_000_000}]}]
    grace.do("history", chats=chats)

    def knows_bob() -> bool:
        answer = session.api("POST", "/api/contact/sync", {})
        assert answer["message"] == "Sincronização de contatos iniciada com sucesso"
        assert (answer["data"]["sessionId"], answer["data"]["status"]) == (session.id, "syncing")
        row = contact(session, people.bob)
        return row is not None and row["apelido"] == "Bob"

    wait_until(knows_bob, "Bob is a contact of Grace's session")


def test_the_lists_work_offline_and_the_rest_says_so(people: People, name: str) -> None:
    session = people.installation.paired(name, people.installation.phone("5511985550008", "Heidi"))
    people.bob.do("send", to="5511985550008", text="oi, Heidi")
    wait_until(lambda: contact(session, people.bob), "Bob is a contact")
    session.api("DELETE", f"/api/session/desconect/{session.id}")
    session.wait_state("disconnected")
    assert contact(session, people.bob) is not None
    for method, path, body in (
        ("POST", "/api/contact/check", {"numbers": [people.bob.number]}),
        ("POST", "/api/contact/sync", {}),
        ("GET", f"/api/contact/profile?jid={people.bob.number}", None),
        ("POST", "/api/contact/block", {"jid": people.bob.jid}),
        ("POST", "/api/group/create", {"subject": "Sem conexão", "participants": []}),
    ):
        answer = people.installation.request(method, path, body, session.key)
        assert (answer.status_code, answer.json()["message"]) == (400, "Sessão não está conectada")
    assert session.api("GET", "/api/group/list")["data"] == {"groups": [], "total": 0}
