"""DELETE /api/chat/messages?jid= leaves nothing of a person, wherever it stood, and nothing else goes with it."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flashapi.models.base import now_ms
from flashapi.models.chats import calls, poll_votes
from flashapi.models.contacts import contacts
from flashapi.models.events import events
from flashapi.models.messages import messages
from flashapi.models.outbox import doubts, outbox, stray_receipts
from flashapi.services import forgetting, windows
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session, write
from tests.api.test_config import add_message

JID, LID = "551166660000@s.whatsapp.net", "123456789012@lid"
"""Bob; only his contact says that both are his."""
OTHER, GROUP = "5511900000001@s.whatsapp.net", "120363000000000001@g.us"
NAMES = ["551166660000", "5511966660000", JID, "5511966660000@s.whatsapp.net", LID]


@pytest.fixture
def app(app_on_each: Flask) -> Flask:
    return app_on_each


@pytest.fixture
def root(app: Flask, database: Settings) -> Caller:
    return Caller(app.test_client(), database.global_api_key)


@pytest.fixture
def alice(root: Caller, backend: Backend) -> Owner:
    """Knows Bob, and somebody else who did the same as he."""
    owner = own_session(root, "alice-vendas")
    write(backend, owner.id, phone="5511955550000", lid="77777@lid")
    add_message(backend, owner.id, 1, chat=JID, sender=JID)
    for message_id, who in (("G-BOB", LID), ("G-OTHER", OTHER)):
        add_message(backend, owner.id, 2, message_id=message_id, chat=GROUP, sender=who, is_group=True)
    poll = {"type": "pollCreationMessage", "chat": GROUP, "is_group": True}
    add_message(backend, owner.id, 3, message_id="P-BOB", sender=JID, **poll)
    add_message(backend, owner.id, 4, message_id="P-OWN", sender="5511955550000@s.whatsapp.net", from_me=True, **poll)
    with backend.connections.transaction() as connection:
        ours = {"session_id": owner.id}
        times = {"created_at": 1, "updated_at": 1}
        connection.execute(contacts.insert(), {**ours, "jid": JID, "lid": LID, **times})
        for poll_id, voter, lid in (
            ("P-OWN", JID, None), ("P-OWN", "1@lid", None), ("P-BOB", OTHER, None), ("P-X", "9@x", LID),
        ):  # fmt: skip
            vote = {"poll_id": poll_id, "voter": voter, "voter_lid": lid, "options": ["sim"], "voted_at": 1}
            connection.execute(poll_votes.insert(), {**ours, **vote})
        for number, caller in enumerate((JID, LID, OTHER)):
            call = {"call_id": str(number), "caller": caller, "status": "offer", "created_at": 1}
            connection.execute(calls.insert(), {**ours, **call, "is_video": False, "is_group": False})
    return owner


def add_sends(backend: Backend, session_id: str, **recipients: str) -> None:
    """One send of each state, which no chat was found for."""
    with backend.connections.transaction() as connection:
        for state, recipient in recipients.items():
            row = {"action": "send_text", "recipient": recipient, "payload": '{"text":"segredo"}', "created_at": 1}
            connection.execute(outbox.insert(), {**row, "session_id": session_id, "state": state})


def add_event(backend: Backend, session_id: str, number: int, data: Any) -> None:
    row = {"id": f"evt_{number}", "session_id": session_id, "session_name": "n", "name": "queue_update", "time": 1}
    with backend.connections.transaction() as connection:
        connection.execute(events.insert(), {**row, "data": json.dumps(data, separators=(",", ":"))})


def left(backend: Backend, column: sa.Column[Any]) -> list[Any]:
    with backend.connections.reading() as connection:
        return sorted(connection.scalars(sa.select(column)))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_person_is_left(alice: Owner, backend: Backend, name: str) -> None:
    add_sends(backend, alice.id, failed="5511966660000", cancelled="551166660000", sent=LID)
    add_sends(backend, alice.id, failed=OTHER)
    add_event(backend, alice.id, 1, {"to": "551166660000"})
    add_event(backend, alice.id, 2, {"to": "5511966660000"})
    add_event(backend, alice.id, 3, {"participants": [LID]})
    add_event(backend, alice.id, 4, {"to": "5511900000001"})
    gone = alice.delete("/api/chat/messages", query_string={"jid": name}).json
    assert gone["data"]["removed"] == 3
    assert left(backend, messages.c.message_id) == ["G-OTHER", "P-OWN"]
    assert left(backend, poll_votes.c.voter) == ["1@lid"]
    assert left(backend, calls.c.caller) == [OTHER]
    assert left(backend, outbox.c.recipient) == [OTHER]
    assert left(backend, events.c.id) == ["evt_4"]
    assert left(backend, contacts.c.jid) == []


def test_what_is_still_to_be_sent_stays(alice: Owner, backend: Backend) -> None:
    add_sends(backend, alice.id, queued=JID, scheduled=JID, sending=JID, uncertain=JID, cancelled=JID)
    alice.delete(f"/api/chat/messages?jid={JID}")
    assert left(backend, outbox.c.state) == ["queued", "scheduled", "sending", "uncertain"]


@pytest.mark.parametrize("state, kept", [("uncertain", 1), ("cancelled", 0)])
def test_what_settles_doubts_stays_while_there_are_any(alice: Owner, backend: Backend, state: str, kept: int) -> None:
    add_sends(backend, alice.id, **{state: "551166660000"})
    with backend.connections.transaction() as connection:
        of_it = {"session_id": alice.id, "chat": JID}
        connection.execute(doubts.insert(), {**of_it, "row_id": 1, "began_at": 1})
        connection.execute(stray_receipts.insert(), {**of_it, "message_id": "M", "moment": 1})
    alice.delete(f"/api/chat/messages?jid={JID}")
    assert (len(left(backend, doubts.c.id)), len(left(backend, stray_receipts.c.id))) == (kept, kept)


def test_a_group_is_forgotten_without_its_members(alice: Owner, backend: Backend) -> None:
    assert alice.delete(f"/api/chat/messages?jid={GROUP}").json["data"]["removed"] == 4
    assert left(backend, messages.c.message_id) == ["M1"]
    assert len(left(backend, calls.c.id)) == 3
    assert left(backend, poll_votes.c.poll_id) == ["P-X"]


@pytest.mark.parametrize("name", ["5511955550000", "77777@lid"])
def test_the_chat_with_oneself_is_one_chat(alice: Owner, backend: Backend, name: str) -> None:
    assert alice.delete(f"/api/chat/messages?jid={name}").json["data"]["removed"] == 0
    assert len(left(backend, messages.c.id)) == 5


def test_another_sessions_rows_stay(alice: Owner, root: Caller, backend: Backend) -> None:
    other = own_session(root, "bob-suporte")
    add_message(backend, other.id, 1, chat=GROUP, sender=JID)
    add_event(backend, other.id, 1, {"to": "551166660000"})
    alice.delete(f"/api/chat/messages?jid={JID}")
    assert left(backend, events.c.id) == ["evt_1"]
    assert other.id in left(backend, messages.c.session_id)


def test_much_goes_in_parts(alice: Owner, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 3)
    monkeypatch.setattr(windows, "ROWS", 4)
    for number in range(10, 20):
        add_message(backend, alice.id, number, chat=JID, sender=JID, created_at=now_ms())
        add_event(backend, alice.id, number, {"from": JID})
    most: list[int] = []
    sa.event.listen(
        backend.connections.engine,
        "after_cursor_execute",
        lambda _, cursor, statement, *rest: most.append(cursor.rowcount) if statement.startswith("DELETE") else None,
    )
    assert alice.delete(f"/api/chat/messages?jid={JID}").json["data"]["removed"] >= 10
    assert max(most) == 3
    assert left(backend, events.c.id) == []
