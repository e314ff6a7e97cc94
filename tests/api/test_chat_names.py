"""A chat is found by whichever of its names the caller knows: number in both spellings, JID, LID."""

import pytest
import sqlalchemy as sa

from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.models.contacts import contacts, known_people
from flashapi.models.events import events
from flashapi.models.installation import numbers
from flashapi.services.backend import Backend
from tests.api.conftest import Owner
from tests.api.test_config import add_message

JID, LID = "551166660000@s.whatsapp.net", "123456789012@lid"
"""An account without the ninth digit."""
NAMES = ["551166660000", "5511966660000", JID, "5511966660000@s.whatsapp.net", LID]


@pytest.fixture
def known(alice: Owner, backend: Backend) -> None:
    """A message, a chat and a contact under the account's JID, and what WhatsApp answered when it was asked."""
    add_message(backend, alice.id, 1, chat=JID, sender=JID)
    add_message(backend, alice.id, 2)
    moment = now_ms()
    with backend.connections.transaction() as connection:
        times = {"created_at": moment, "updated_at": moment}
        of_it = {"session_id": alice.id, "jid": JID, **times}
        connection.execute(contacts.insert(), {**of_it, "lid": LID})
        connection.execute(chats.insert(), {**of_it, "is_group": False, "unread": 1, "last_message_at": moment})
        facts = {"mode": "sandbox", "asked": "551166660000", "jid": JID, "lid": LID, "checked_at": moment}
        connection.execute(numbers.insert(), facts)
        connection.execute(known_people.insert(), {"session_id": alice.id, "jid": JID, "lid": LID})


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("name", NAMES)
def test_its_messages_are_found_by_any_name(alice: Owner, name: str) -> None:
    page = alice.get("/api/chat/messages", query_string={"jid": name}).json["data"]
    assert [row["mensagem_id"] for row in page["messages"]] == ["M1"]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("name", NAMES)
def test_it_is_forgotten_by_any_name(alice: Owner, backend: Backend, name: str) -> None:
    told = {"session_id": alice.id, "session_name": alice.name, "name": "contacts_update", "time": 1}
    with backend.connections.transaction() as connection:
        connection.execute(events.insert(), {**told, "id": "evt_1", "data": f'[{{"lid":"{LID}"}}]'})
    gone = alice.delete("/api/chat/messages", query_string={"jid": name}).json
    assert gone["data"]["removed"] == 1
    with backend.connections.reading() as connection:
        tables = chats, contacts, known_people, events
        left = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]
    assert left == [0, 0, 0, 0]
    assert [row["mensagem_id"] for row in alice.get("/api/chat/messages").json["data"]["messages"]] == ["M2"]


@pytest.mark.usefixtures("known")
def test_a_name_nobody_has(alice: Owner) -> None:
    assert alice.get("/api/chat/messages?jid=5511933334444").json["data"]["messages"] == []
    assert alice.delete("/api/chat/messages?jid=5511933334444").json["data"]["removed"] == 0
