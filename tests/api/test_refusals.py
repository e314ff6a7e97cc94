"""What bodies and queries are refused for: one 400 in Portuguese that names the field, and nothing changed."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from marshmallow import ValidationError

from flashapi.models.outbox import outbox
from flashapi.models.sessions import sessions
from flashapi.schemas.media import MIMETYPE, DocumentSchema
from flashapi.schemas.recipients import InvalidRecipient, recipient
from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner, write

HALF = "\ud83d"
"""Half of a surrogate pair: JSON can write it, UTF-8 can't."""
TO = "5599999999999"
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN;CHARSET=UTF-8:Maria\\, a Dora\r\nTEL:+55 99 99999-9999\nEND:VCARD"
CARD = {"displayName": "Maria", "vcard": VCARD}
NO_CONTACT = "to e contact são obrigatórios"
NO_TEXTS, NO_OBJECT, NO_LIST = "deve ser uma lista de textos", "deve ser um objeto", "deve ser uma lista"
NO_GAP = "gap deve ser um número de milissegundos até 3600000, ou [mínimo, máximo]"
NO_CLOCK = "deve ser uma hora como 22:00"
NO_MIMETYPE = "mimetype deve ser um tipo MIME, como application/pdf"
REACTION = {"to": TO, "messageId": "3EB0"}
DOCUMENT = {"to": TO, "document": "data:text/plain,oi", "fileName": "a.txt"}


@pytest.fixture
def paired(alice: Owner, backend: Backend) -> Owner:
    """Alice's session, linked to a phone and not connected now."""
    write(backend, alice.id, paired=True)
    return alice


def rows(backend: Backend) -> list[Any]:
    with backend.connections.reading() as connection:
        return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


def call(caller: Caller, method: str, path: str, body: Any) -> Any:
    return caller.call(method, path, data=json.dumps(body), content_type="application/json")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("send-poll", {"to": TO, "name": "Dia?", "options": ["a", HALF]}, f"options {NO_TEXTS}"),
        ("send-reaction", {**REACTION, "emoji": HALF}, "emoji deve ser um texto"),
        ("send-reaction", REACTION, "to, messageId e emoji são obrigatórios"),
        ("send-reaction", {**REACTION, "emoji": None}, "to, messageId e emoji são obrigatórios"),
        ("send-reaction", {**REACTION, "messageId": "", "emoji": "x"}, "to, messageId e emoji são obrigatórios"),
        ("send-image", {"to": TO, "image": f"http://exemplo.com/{HALF}"},
         "image deve ser URL http(s), data URL, base64, ou um arquivo em multipart/form-data"),
        ("send-contact", {"to": TO}, NO_CONTACT),
        ("send-contact", {"to": TO, "contact": None}, NO_CONTACT),
        ("send-contact", {"to": TO, "contact": "", "contacts": None}, NO_CONTACT),
        ("send-contact", {"to": TO, "contact": "abc"}, f"contact {NO_OBJECT}"),
        ("send-contact", {"to": TO, "contact": [CARD]}, f"contact {NO_OBJECT}"),
        ("send-contact", {"to": TO, "contact": {"displayName": "Maria"}}, "contact.vcard é obrigatório"),
        ("send-contact", {"to": TO, "contact": {**CARD, "vcard": HALF}}, "contact.vcard deve ser um texto"),
        ("send-contact", {"to": TO, "contacts": []}, "contacts deve ter de 1 a 100 contatos"),
        ("send-contact", {"to": TO, "contacts": [CARD] * 101}, "contacts deve ter de 1 a 100 contatos"),
        ("send-contact", {"to": TO, "contacts": CARD}, f"contacts {NO_LIST}"),
        ("send-contact", {"to": TO, "contacts": [CARD, "abc"]}, f"contacts[1] {NO_OBJECT}"),
        ("send-contact", {"to": TO, "contacts": [CARD, None]}, "contacts[1] é obrigatório"),
        ("send-contact", {"to": TO, "contacts": [CARD, {"vcard": {}}]}, "contacts[1].vcard deve ser um texto"),
        ("send-bulk", {"messages": [1]}, f"messages[0] {NO_OBJECT}"),
        ("send-bulk", {"messages": [{"type": "text", "to": TO, "text": "oi"}, None]}, "messages[1] é obrigatório"),
        ("send-bulk", {"messages": "oi"}, f"messages {NO_LIST}"),
        ("send-bulk", {"messages": [{"type": "contact", "to": TO, "contact": {}}]},
         "messages[0].contact.vcard é obrigatório"),
        ("send-document", {**DOCUMENT, "fileName": "a\r\nb.txt"}, "fileName não pode ter caracteres de controle"),
        ("send-document", {**DOCUMENT, "fileName": "a\0.txt"}, "fileName não pode ter caracteres de controle"),
        ("send-document", {**DOCUMENT, "mimetype": "text/plain\n"}, NO_MIMETYPE),
        ("send-document", {**DOCUMENT, "mimetype": "text/plain;\ncharset=utf-8"}, NO_MIMETYPE),
        ("send-text", {"to": "", "text": "oi", "useQueue": True}, "to e text são obrigatórios"),
        ("send-text", {"to": "٥٥٩٩٩٩٩٩٩٩٩", "text": "oi"},
         "to deve ser um número de telefone com DDI ou um JID do WhatsApp"),
    ],
)  # fmt: skip
def test_sends(paired: Owner, backend: Backend, path: str, body: dict[str, Any], message: str) -> None:
    answer = call(paired, "POST", f"/api/chat/{path}", {"useQueue": True, **body})
    assert (answer.status_code, answer.json) == (400, {"success": False, "message": message})
    assert rows(backend) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"gap": "muito"}, NO_GAP),
        ({"gap": True}, NO_GAP),
        ({"gap": [1, None]}, NO_GAP),
        ({"gap": [1, 2, 3]}, NO_GAP),
        ({"gap": []}, NO_GAP),
        ({"policy": 7}, "policy deve ser hold ou resend"),
        ({"pacing": "x"}, f"pacing {NO_OBJECT}"),
        ({"pacing": {"perMinute": 0}}, "pacing.perMinute deve estar entre 1 e 1000000"),
        ({"pacing": {"quietHours": "x"}}, f"pacing.quietHours {NO_OBJECT}"),
        ({"pacing": {"quietHours": {"from": "22:00"}}}, "pacing.quietHours.to é obrigatório"),
        ({"pacing": {"quietHours": {"from": "22:00", "to": None}}}, "pacing.quietHours.to é obrigatório"),
        *(
            ({"pacing": {"quietHours": {"from": "22:00", "to": to}}}, f"pacing.quietHours.to {NO_CLOCK}")
            for to in ("08:00abc", "08:00\n", "24:00", "0٨:00", "8:00")
        ),
    ],
)
def test_queue_settings(alice: Owner, body: dict[str, Any], message: str) -> None:
    before = alice.get("/api/config/queue").json
    answer = call(alice, "PUT", "/api/config/queue", body)
    assert (answer.status_code, answer.json) == (400, {"success": False, "message": message})
    assert alice.get("/api/config/queue").json == before


def test_queue_settings_are_read_leniently(alice: Owner) -> None:
    for given, gap in (("1500", 1_500), (["500", 900.0], [500, 900]), (None, [500, 900]), ("", [500, 900])):
        answer = call(alice, "PUT", "/api/config/queue", {"gap": given, "policy": None, "outro": 1})
        assert answer.status_code == 200, answer.json
        assert (answer.json["data"]["gap"], answer.json["data"]["policy"]) == (gap, "hold")
    quiet = {"from": "22:00", "to": "08:00"}
    pacing = {"perMinute": "5", "quietHours": {**quiet, "outro": 1}, "outro": 1}
    changed = call(alice, "PUT", "/api/config/queue", {"pacing": pacing}).json["data"]["pacing"]
    assert (changed["perMinute"], changed["quietHours"]) == (5, quiet)
    unchanged = call(alice, "PUT", "/api/config/queue", {"gap": 1}).json["data"]["pacing"]
    assert unchanged == changed
    removed = call(alice, "PUT", "/api/config/queue", {"pacing": None}).json["data"]["pacing"]
    assert (removed["perMinute"], removed["quietHours"]) == (None, None)


@pytest.mark.parametrize(
    ("given", "cards"),
    [
        ({"contact": {**CARD, "extra": {"a": 1}}}, [("Maria", VCARD)]),
        ({"contact": {"vcard": VCARD}}, [("Maria, a Dora", VCARD)]),
        ({"contact": {"displayName": None, "vcard": "BEGIN:VCARD\nEND:VCARD"}}, [("", "BEGIN:VCARD\nEND:VCARD")]),
        ({"contact": None, "contacts": [{**CARD, "extra": 1}]}, [("Maria", VCARD)]),
        ({"contact": {"displayName": 7, "vcard": 8}, "contacts": None}, [("7", "8")]),
    ],
)
def test_contacts_the_contract_takes(
    paired: Owner, backend: Backend, given: dict[str, Any], cards: list[tuple[str, str]]
) -> None:
    answer = call(paired, "POST", "/api/chat/send-contact", {"to": TO, "useQueue": True, **given})
    assert answer.status_code == 200, answer.json
    stored = json.loads(rows(backend)[0].payload)["cards"]
    assert [(card["display_name"], card["vcard"]) for card in stored] == cards


def test_events_that_could_not_be_shown_are_not_stored(alice: Owner, root: Caller, backend: Backend) -> None:
    before = alice.get("/api/config/session").json
    webhook = {"webhookUrl": "https://exemplo.com/x", "status_webhook": True, "events": [HALF]}
    answer = call(alice, "PUT", "/api/config/webhook", webhook)
    assert (answer.status_code, answer.json["message"]) == (400, f"events {NO_TEXTS}")
    assert alice.get("/api/config/session").json == before
    answer = call(root, "POST", "/api/session/create_sessao", {"nome_sessao": "bob-suporte", **webhook})
    assert (answer.status_code, answer.json["message"]) == (400, f"events {NO_TEXTS}")
    with backend.connections.reading() as connection:
        assert connection.scalars(sa.select(sessions.c.name)).all() == [alice.name]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/api/contact/check", {"numbers": [HALF]}, f"numbers {NO_TEXTS}"),
        ("/api/sandbox/phone/1/send", {"to": TO, "type": "vote", "target": "A", "choices": [HALF]},
         f"choices {NO_TEXTS}"),
        ("/api/sandbox/phone/1/send", {"to": TO, "type": "reaction", "target": "A", "emoji": HALF},
         "emoji deve ser um texto"),
        ("/api/sandbox/phone/1/send", {"to": TO, "text": "oi", "preview": {"url": HALF, "title": "t"}},
         "preview.url deve ser um texto"),
        ("/api/sandbox/phone/1/send", {"to": TO, "type": "contact", "contacts": [{"name": "x"}]},
         "contacts[0].vcard é obrigatório"),
        ("/api/sandbox/phone/1/read", {"chat": TO, "ids": [HALF]}, f"ids {NO_TEXTS}"),
        ("/api/sandbox/phone/1/groups", {"subject": "x", "participants": [HALF]}, f"participants {NO_TEXTS}"),
        ("/api/sandbox/phone/1/history", {"chats": [{"with": TO, "messages": [{"text": "x"}]}]},
         "chats[0].messages[0].timestamp é obrigatório"),
    ],
)  # fmt: skip
def test_questions(alice: Owner, root: Caller, path: str, body: dict[str, Any], message: str) -> None:
    answer = call(root if "sandbox" in path else alice, "POST", path, body)
    assert (answer.status_code, answer.json) == (400, {"success": False, "message": message})


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "0"])
def test_any_past_moment_means_now(paired: Owner, backend: Backend, moment: str) -> None:
    body = {"to": TO, "text": "oi", "linkPreview": False, "sendAt": moment, "delay": 90_000}
    answer = call(paired, "POST", "/api/chat/send-text", body)
    assert answer.status_code == 200, answer.json
    assert [row.state for row in rows(backend)] == ["queued"]
    [shown] = paired.get("/api/chat/queue").json["data"]["sends"]
    assert shown["sendAt"] is None


def test_an_empty_moment_is_none_at_all(paired: Owner, backend: Backend) -> None:
    body = {"to": TO, "text": "oi", "linkPreview": False, "sendAt": "", "quoted": ""}
    assert call(paired, "POST", "/api/chat/send-text", body).json["message"] == "Sessão não está conectada"
    assert call(paired, "POST", "/api/chat/send-text", {**body, "useQueue": True}).status_code == 200
    assert [(row.state, row.due_at) for row in rows(backend)] == [("queued", 0)]


def test_an_empty_message_id_marks_the_chat(alice: Owner) -> None:
    for given, status, message in (
        ({"messageId": "NINGUEM"}, 404, "Mensagem não encontrada"),
        ({"messageId": ""}, 400, "Sessão não está conectada"),
        ({"messageId": None}, 400, "Sessão não está conectada"),
        ({"jid": ""}, 400, "jid é obrigatório"),
    ):
        answer = call(alice, "POST", "/api/chat/mark-read", {"jid": TO, **given})
        assert (answer.status_code, answer.json["message"]) == (status, message), given


@pytest.mark.parametrize("query", ["jid=", "before=", "jid=&before=&limit=&offset="])
def test_an_empty_filter_filters_nothing(alice: Owner, query: str) -> None:
    answer = alice.get(f"/api/chat/messages?{query}")
    assert answer.status_code == 200, answer.json
    assert answer.json == alice.get("/api/chat/messages").json


def test_other_empty_filters(alice: Owner) -> None:
    for path in ("/api/events?after=", "/api/chat/queue?state=", "/api/webhook/1/deliveries?state=&event=&from=&to="):
        plain, _, _ = path.partition("?")
        assert alice.get(path).json == alice.get(plain).json, path
    answer = alice.delete("/api/chat/messages?jid=")
    assert (answer.status_code, answer.json["message"]) == (400, "jid é obrigatório")


@pytest.mark.parametrize("before", ["²", "1²", "١"])
def test_before_is_a_number_or_an_id(alice: Owner, before: str) -> None:
    answer = alice.get("/api/chat/messages", query_string={"before": before})
    message = "before deve ser o número de uma linha ou o id de uma mensagem"
    assert (answer.status_code, answer.json["message"]) == (400, message)


@pytest.mark.parametrize(
    "mimetype", ["", "text/plain", "audio/ogg; codecs=opus", 'video/mp4 ; codecs="avc1.4d, mp4a"; x=a b', "a/b;c=d;e=f"]
)
def test_mimetypes_that_are_taken(mimetype: str) -> None:
    assert DocumentSchema().load({**DOCUMENT, "mimetype": mimetype})["mimetype"] == mimetype


@pytest.mark.timeout(20)
@pytest.mark.parametrize("tail", [" " * 300_000, " b" * 100_000, ";c=d" * 100_000])
def test_a_long_mimetype_is_refused_at_once(tail: str) -> None:
    with pytest.raises(ValidationError):
        MIMETYPE(f"a/b;a=b{tail}!")


@pytest.mark.parametrize("named", ["٥٥٩٩٩٩٩٩٩٩٩", "٥٥٩٩٩٩٩٩٩٩٩@s.whatsapp.net", "٥٥٩٩٩٩٩٩٩٩٩@g.us"])
def test_numbers_are_ascii(named: str) -> None:
    with pytest.raises(InvalidRecipient):
        recipient(named)
