"""Received events in the tables: once each, statuses only forward, outages survived."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.events import endpoints
from flashapi.models.messages import messages
from flashapi.models.sessions import Wanted, sessions
from tests.workers.rows import add_session
from tests.workers.test_from_whatsapp import LID, PHONE, received
from workers import store_inbound
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import Entry, Journal, orphans
from workers.message_rows import insert_message


def receipt(message_id: str, kind: str) -> bytes:
    source = wire.MessageSource(Chat=LID, Sender=LID, SenderAlt=PHONE, IsFromMe=False, IsGroup=False)
    status = wire.Receipt.ReceiptType.Value(kind)
    return bytes(wire.Receipt(MessageSource=source, MessageIDs=[message_id], Type=status).SerializePartialToString())


class Line:
    """An inbound pool over a journal, closed to see what came of everything."""

    def __init__(self, connections: Connections, folder: Path) -> None:
        self.connections, self.folder = connections, folder

    def take(self, session_id: str, *events: tuple[type, bytes]) -> None:
        journal = Journal(self.folder)
        inbound = Inbound(self.connections, journal)
        for kind, raw in events:
            inbound.receive(session_id, CODES[kind], raw)
        inbound.close(10)
        journal.close()

    def events(self, session_id: str) -> list[bus.Recorded]:
        """Those about messages: a sender's name and a new chat are events of their own."""
        with self.connections.reading() as connection:
            found = list(bus.after(connection, 0, 1_000, session_id))
        return [event for event in found if event.name not in ("contacts_update", "chats_update")]


@pytest.fixture
def line(connections: Connections, tmp_path: Path) -> Line:
    return Line(connections, tmp_path / "journal")


def test_a_message_twice_is_one_message_and_one_event(line: Line, session_id: str) -> None:
    text = (wire.Message, received(Message(conversation="oi")))
    line.take(session_id, text, text)
    line.take(session_id, text)
    assert [event.name for event in line.events(session_id)] == ["message_received"]
    with line.connections.reading() as connection:
        assert len(connection.execute(messages.select()).all()) == 1


def test_everything_stored_leaves_no_journal(line: Line, session_id: str) -> None:
    line.take(session_id, (wire.Message, received(Message(conversation="oi"))))
    assert list(orphans(line.folder)) == []


def test_an_orphan_is_replayed_and_gone(line: Line, session_id: str) -> None:
    dead = Journal(line.folder)
    dead.append(session_id, CODES[wire.Message], received(Message(conversation="oi")))
    dead.close()
    journal = Journal(line.folder)
    inbound = Inbound(line.connections, journal)
    (orphan,) = orphans(line.folder)
    assert inbound.replay(orphan) == 1
    inbound.close(10)
    journal.close()
    assert [event.name for event in line.events(session_id)] == ["message_received"]
    assert list(orphans(line.folder)) == []


def test_receipts_move_a_message_only_forward(line: Line, session_id: str) -> None:
    with line.connections.transaction() as connection:
        insert_message(
            connection, session_id, chat="5511987654321@s.whatsapp.net", sender="me", message_id="ABC", from_me=True,
            type="conversation", content="{}", raw=b"", status="sent", timestamp=1,
        )  # fmt: skip
    line.take(
        session_id,
        (wire.Receipt, receipt("ABC", "READ")),
        (wire.Receipt, receipt("ABC", "DELIVERED")),
        (wire.Receipt, receipt("ABC", "READ")),
    )
    assert [event.data["status"] for event in line.events(session_id)] == ["read"]
    assert line.events(session_id)[0].data["chat"] == "5511987654321@s.whatsapp.net"  # as it was sent, not the LID


def test_a_receipt_for_an_unknown_message_is_told_once(line: Line, session_id: str) -> None:
    line.take(session_id, (wire.Receipt, receipt("PHONE", "DELIVERED")), (wire.Receipt, receipt("PHONE", "DELIVERED")))
    assert [event.data["status"] for event in line.events(session_id)] == ["delivered"]


def test_a_message_for_a_deleted_session_is_dropped(line: Line, connections: Connections) -> None:
    gone = add_session(connections, wanted=Wanted.DELETED)
    line.take(gone, (wire.Message, received(Message(conversation="oi"))))
    assert line.events(gone) == []


def test_what_nobody_understands_does_not_stop_the_line(line: Line, session_id: str) -> None:
    line.take(session_id, (wire.Message, b"\xff not a protobuf"), (wire.Message, received(Message(conversation="oi"))))
    assert [event.name for event in line.events(session_id)] == ["message_received"]
    assert b"not a protobuf" in (line.folder / "unreadable.seg").read_bytes()


def test_a_bug_in_one_event_does_not_stop_the_line(
    line: Line, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand = store_inbound.store_entry

    def stumble(connection: sa.Connection, early: object, entry: Entry) -> store_inbound.Stored:
        if "tropeço".encode() in entry.raw:
            raise ZeroDivisionError
        return understand(connection, early, entry)  # type: ignore[arg-type]

    monkeypatch.setattr("workers.inbound.store_entry", stumble)
    line.take(
        session_id,
        (wire.Message, received(Message(conversation="tropeço"))),
        (wire.Message, received(Message(conversation="oi"))),
    )
    assert [event.data["content"] for event in line.events(session_id)] == ["oi"]
    assert "tropeço".encode() in (line.folder / "unreadable.seg").read_bytes()


def test_each_endpoint_that_wants_the_event_gets_a_delivery(line: Line, session_id: str) -> None:
    def endpoint(owner: str, events: list[str] | None, enabled: bool = True) -> dict[str, object]:
        moment = {"created_at": 1, "updated_at": 1}
        return {"session_id": owner, "url": "http://x", "events": events, "enabled": enabled, **moment}

    with line.connections.transaction() as connection:
        wanted = ["message_received"]
        for row in (endpoint(session_id, wanted), endpoint("*", wanted), endpoint("other", None)):
            connection.execute(endpoints.insert(), row)
    line.take(session_id, (wire.Message, received(Message(conversation="oi"))))
    from flashapi.models.events import deliveries

    with line.connections.reading() as connection:
        owners = connection.execute(
            deliveries.join(endpoints, deliveries.c.endpoint_id == endpoints.c.id).select()
        ).all()
        seen = connection.execute(sessions.select().where(sessions.c.id == session_id)).one()
    assert len(owners) == 2
    assert seen.last_event_at is not None
