"""What can't be stored: an event's fault sets it aside, and a newer version tries again; the database's delays it."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire
from structlog.testing import capture_logs

from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.support.servers import wait_until
from tests.workers.test_inbound import contents, text
from workers import journal as journals
from workers import unreadable, waiting
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import UNREADABLE, Journal, orphans

MESSAGE = CODES[wire.Message]
BROKEN = b"\xff not a protobuf"


@pytest.fixture
def folder(database: Settings) -> Path:
    """Where the workers of the sandbox have their journals."""
    return database.data_dir / "journal" / "sandbox"


def set_aside(folder: Path, session_id: str, *raws: bytes) -> None:
    """As a worker that didn't understand them did."""
    setting = Journal(folder)
    for raw in raws:
        entry = setting.append(session_id, MESSAGE, raw)
        setting.set_aside(entry)
        setting.done(entry)
    setting.close()


def raws_aside(folder: Path) -> list[bytes]:
    path = folder / UNREADABLE
    return [raw for _, _, raw, _ in journals.journal_records.unpack(path)] if path.exists() else []


def test_a_broken_schema_is_waited_for(
    connections: Connections, session_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FAULT_PAUSE_SECONDS", 0.05)
    with connections.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE messages RENAME TO elsewhere"))
    journal = Journal(folder)
    inbound = Inbound(connections, journal)
    with capture_logs() as logs:
        for content in ("um", "dois"):
            inbound.receive(session_id, MESSAGE, text(content))
        wait_until(lambda: [log for log in logs if log["event"] == "database_at_fault"], "the fault is told", 10)
        with connections.transaction() as connection:
            connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO messages"))
        inbound.close(10)
    assert {log["log_level"] for log in logs if log["event"] == "database_at_fault"} == {"error"}
    journal.close()
    assert contents(connections, session_id) == ["um", "dois"]
    assert raws_aside(folder) == [] and list(orphans(folder)) == []


def test_what_only_this_event_is_to_blame_for_is_set_aside(
    connections: Connections, session_id: str, folder: Path
) -> None:
    too_long = wire.Message.FromString(text("longa"))
    too_long.Info.ID = "X" * 200
    raw = bytes(too_long.SerializePartialToString())
    journal = Journal(folder)
    inbound = Inbound(connections, journal)
    with capture_logs():  # as text they take seconds
        for each in (raw, text("outra"), BROKEN):
            inbound.receive(session_id, MESSAGE, each)
        inbound.close(10)
    journal.close()
    if connections.engine.dialect.name == "sqlite":  # it takes texts of any length
        assert contents(connections, session_id) == ["longa", "outra"]
        assert raws_aside(folder) == [BROKEN]
    else:
        assert contents(connections, session_id) == ["outra"]
        assert sorted(raws_aside(folder)) == sorted([raw, BROKEN])


def test_what_is_understood_now_is_stored_and_the_rest_kept(
    connections: Connections, database: Settings, session_id: str, folder: Path
) -> None:
    set_aside(folder, session_id, text("um"), BROKEN, text("dois"))
    for _ in range(2):
        assert unreadable.replay(database) is None
        assert contents(connections, session_id) == ["um", "dois"]
        assert raws_aside(folder) == [BROKEN]
    assert [path.name for path in folder.iterdir()] == [UNREADABLE]


def test_nothing_is_tried_on_a_database_of_another_version(
    connections: Connections, database: Settings, session_id: str, folder: Path
) -> None:
    set_aside(folder, session_id, text("um"))
    with connections.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert "schema 0001" in str(unreadable.replay(database))
    assert raws_aside(folder) == [text("um")]


def test_a_replay_cut_off_is_ended_by_the_next_worker(session_id: str, folder: Path) -> None:
    set_aside(folder, session_id, text("um"))
    taken = journals.take_unreadable(folder)
    assert taken is not None and journals.take_unreadable(folder) is None
    assert list(orphans(folder)) == []
    taken.release()  # as the end of the process does
    (found,) = orphans(folder)
    assert [entry.raw for entry in found.entries()] == [text("um")]
    found.release()


def test_who_waits_to_set_aside_meanwhile_begins_a_new_file(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    set_aside(folder, "sessao", b"before")
    with (folder / UNREADABLE).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        late = threading.Thread(target=set_aside, args=(folder, "sessao", b"meanwhile"))
        late.start()
        wait_until(lambda: len(_waiting_for(folder / UNREADABLE)) == 1, "it waits for the lock", 10)
        (folder / UNREADABLE).rename(folder / "taken.seg")
    late.join(10)
    assert raws_aside(folder) == [b"meanwhile"]
    assert [raw for _, _, raw, _ in journals.journal_records.unpack(folder / "taken.seg")] == [b"before"]


def _waiting_for(path: Path) -> list[str]:
    """The locks on a file that the kernel says are waited for."""
    inode = f":{path.stat().st_ino} "
    return [line for line in Path("/proc/locks").read_text().splitlines() if "->" in line and inode in line]


def test_the_program_beside_running_workers(
    connections: Connections, database: Settings, session_id: str, folder: Path
) -> None:
    running = Journal(folder)
    running.append(session_id, MESSAGE, text("in the hands of a running worker"))
    set_aside(folder, session_id, text("um"), BROKEN)
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(database.data_dir),
        "DATABASE_URL": database.database_url,
        "REDIS_URL": database.redis_url,
        "GLOBAL_API_KEY": database.global_api_key,
        "SANDBOX": "true",
    }
    command = [sys.executable, "-m", "workers", "replay-unreadable"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "still_unreadable" in ended.stdout + ended.stderr
    assert contents(connections, session_id) == ["um"]
    assert raws_aside(folder) == [BROKEN]
    running.close()
