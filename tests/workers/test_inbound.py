"""The line from the journal to the database on a full disk: events are stored all the same, and the line goes on."""

from pathlib import Path

import pytest
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from structlog.testing import capture_logs

from flashapi import bus
from flashapi.connections import Connections
from tests.workers.test_from_whatsapp import received
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import Journal, orphans

FULL = Path("/dev/full")


def contents(connections: Connections, session_id: str) -> list[str]:
    """The texts of the messages that were told, in order."""
    with connections.reading() as connection:
        told = list(bus.after(connection, 0, 1_000, session_id))
    return [event.data["content"] for event in told if event.name == "message_received"]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def text(content: str) -> bytes:
    """A message with an id of its own."""
    message = wire.Message.FromString(received(Message(conversation=content)))
    message.Info.ID = f"ID-{content}"
    return bytes(message.SerializePartialToString())


def folder_of(tmp_path: Path) -> Path:
    (folder,) = (path for path in (tmp_path / "journal").iterdir() if path.is_dir())
    return folder


def test_on_a_full_disk_events_are_stored_from_memory(
    connections: Connections, session_id: str, tmp_path: Path, journal: Journal
) -> None:
    (folder_of(tmp_path) / "00000001.seg").symlink_to(FULL)
    inbound = Inbound(connections, journal)
    with capture_logs() as logs:
        for content in ("um", "dois", "três"):
            inbound.receive(session_id, CODES[wire.Message], text(content))
        inbound.close(10)
    journal.close()
    assert contents(connections, session_id) == ["um", "dois", "três"]
    assert [log["event"] for log in logs].count("journal_not_writable") == 1
    assert list(orphans(tmp_path / "journal")) == []


def test_what_can_not_be_set_aside_does_not_stop_the_line(
    connections: Connections, session_id: str, tmp_path: Path, journal: Journal
) -> None:
    (tmp_path / "journal" / "unreadable.seg").symlink_to(FULL)
    inbound = Inbound(connections, journal)
    inbound.receive(session_id, CODES[wire.Message], b"\xff not a protobuf")
    inbound.receive(session_id, CODES[wire.Message], text("oi"))
    inbound.close(10)
    journal.close()
    assert contents(connections, session_id) == ["oi"]
    (kept,) = orphans(tmp_path / "journal")
    assert b"\xff not a protobuf" in [entry.raw for entry in kept.entries()]
    kept.release()
