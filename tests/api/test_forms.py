"""Forms with lists and objects in them, as PHP's http_build_query and JavaScript's qs write them."""

import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from flashapi.api.bodies import ENTRIES_MOST
from flashapi.models.events import endpoints
from flashapi.models.outbox import outbox
from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner, write
from tests.support import samples

TO = "5599999999999"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
BOTH = pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])


@pytest.fixture
def sender(backend: Backend, alice: Owner) -> Owner:
    """alice, paired once, so that her queue takes messages."""
    write(backend, alice.id, paired=True)
    return alice


def queued(backend: Backend, sender: Owner, route: str, content_type: str, **form: Any) -> list[dict[str, Any]]:
    """What the queue holds after a form was sent to this route."""
    body = {"to": TO, "useQueue": "1", **form}
    answer = sender.post(f"/api/chat/{route}", data=body, content_type=content_type)
    assert answer.status_code == 200, answer.text
    with backend.connections.reading() as connection:
        payloads = connection.execute(sa.select(outbox.c.payload).order_by(outbox.c.id)).scalars()
        return [json.loads(payload) for payload in payloads]


@BOTH
@pytest.mark.parametrize("names", [("events[0]", "events[1]"), ("events[]", "events[]"), ("events", "events"),
                                   ("events", "events[]"), ("events[7]", "events[999999999]")])  # fmt: skip
def test_a_list(root: Caller, backend: Backend, content_type: str, names: tuple[str, str]) -> None:
    wanted = ["qr_updated", "call"]
    form: dict[str, Any] = {"nome_sessao": "com-webhook", "webhookUrl": "https://exemplo.com/x"}
    for name, event in zip(names, wanted, strict=True):
        form.setdefault(name, []).append(event)
    answer = root.post("/api/session/create_sessao", data=form, content_type=content_type)
    assert answer.status_code == 200, answer.text
    with backend.connections.reading() as connection:
        assert sorted(connection.execute(sa.select(endpoints.c.events)).scalar_one()) == sorted(wanted)


@BOTH
def test_indexes_give_the_order(backend: Backend, sender: Owner, content_type: str) -> None:
    options = {"options[10]": "terceira", "options[02]": "segunda", "options[]": "última", "options[0]": "primeira"}
    [poll] = queued(backend, sender, "send-poll", content_type, name="Qual?", **options)
    assert poll["options"] == ["primeira", "segunda", "terceira", "última"]


@BOTH
def test_an_object(backend: Backend, sender: Owner, content_type: str) -> None:
    card = {"contact[displayName]": "Maria", "contact[vcard]": "BEGIN:VCARD\nEND:VCARD"}
    [sent] = queued(backend, sender, "send-contact", content_type, **card)
    assert sent["cards"] == [{"display_name": "Maria", "vcard": "BEGIN:VCARD\nEND:VCARD"}]


@BOTH
def test_a_list_of_objects(backend: Backend, sender: Owner, content_type: str) -> None:
    names = [f"Pessoa {number}" for number in range(12)]
    cards = {f"contacts[{n}][{key}]": name for n, name in enumerate(names) for key in ("displayName", "vcard")}
    [sent] = queued(backend, sender, "send-contact", content_type, **cards)
    assert [card["display_name"] for card in sent["cards"]] == names


def test_messages_in_bulk(backend: Backend, sender: Owner) -> None:
    messages = {
        f"messages[{number}][{key}]": value
        for number, text in enumerate(("um", "dois"))
        for key, value in {"type": "text", "to": TO, "text": text}.items()
    }
    assert [sent["text"] for sent in queued(backend, sender, "send-bulk", URLENCODED, **messages)] == ["um", "dois"]


def test_a_list_beside_a_file(backend: Backend, sender: Owner) -> None:
    image = (io.BytesIO(samples.picture()), "foto.jpg")
    [sent] = queued(backend, sender, "send-image", MULTIPART, image=image, **{"mentions[0]": TO})
    assert sent["mentions"] == [f"{TO}@s.whatsapp.net"]


@pytest.mark.parametrize("name", ["numbers[]", "numbers[0]", "numbers[a]", "numbers[0][0]"])
def test_the_field_says_what_it_takes(alice: Owner, name: str) -> None:
    answer = alice.post("/api/contact/check", data={name: TO})
    taken = name in ("numbers[]", "numbers[0]")
    assert answer.status_code == 400
    assert answer.json["message"] == ("Sessão não está conectada" if taken else "numbers deve ser uma lista de textos")


@pytest.mark.parametrize("name", ["numbers[0", "numbers]", "numbers[", "[numbers]", "[0]", "numbers]0["])
def test_what_is_no_path_names_no_field(alice: Owner, name: str) -> None:
    answer = alice.post("/api/contact/check", data={name: TO})
    assert (answer.status_code, answer.json["message"]) == (400, "Lista de números é obrigatória")


@BOTH
@pytest.mark.parametrize("pattern", ["numbers", "numbers[]", "numbers[{}]", "numbers[a{}]", "numbers[0][{}]"])
def test_too_many_values_are_refused_by_name(alice: Owner, content_type: str, pattern: str) -> None:
    form: dict[str, list[str]] = {}
    for number in range(ENTRIES_MOST + 1):
        form.setdefault(pattern.format(number), []).append(TO)
    answer = alice.post("/api/contact/check", data=form, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json["message"] == f"numbers tem mais de {ENTRIES_MOST} valores no formulário; envie-os em JSON"


@pytest.mark.parametrize("levels", [3, 100_000])
def test_too_many_levels_are_refused_by_name(alice: Owner, levels: int) -> None:
    answer = alice.post("/api/contact/check", data={"numbers" + "[0]" * levels: TO})
    assert answer.status_code == 400
    assert answer.json["message"] == "numbers tem mais de 2 níveis de colchetes no formulário; envie-o em JSON"


def test_fields_nobody_knows_may_be_as_they_like(root: Caller) -> None:
    junk = [("lixo[a][b][c][d]", "x")] + [(f"resto[{number}]", "x") for number in range(5_000)]
    body = urlencode([("nome_sessao", "com-lixo"), *junk])
    answer = root.post("/api/session/create_sessao", data=body, content_type=URLENCODED)
    assert answer.status_code == 200
    assert answer.json["dados"]["name"] == "com-lixo"
