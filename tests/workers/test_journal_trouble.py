"""The journal on a disk that is full, and after it was damaged: nothing is lost that needn't be, and it is told."""

import os
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from workers import journal
from workers.journal import Journal, orphans

HEAD_BYTES = 20
FULL = Path("/dev/full")


def replayed(folder: Path) -> list[bytes]:
    """What a dead process's journal still holds."""
    (found,) = orphans(folder)
    try:
        return [entry.raw for entry in found.entries()]
    finally:
        found.release()


def on_a_small_disk(folder: Path, program: str) -> str:
    """Run a program in which `disk(bytes)` says how long a file may get; returns its output."""
    preamble = f"""
        import os, resource
        from pathlib import Path
        from workers import journal
        from workers.journal import Journal

        def disk(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        journal_here = Journal(Path({str(folder)!r}))
        append = lambda raw: journal_here.append("sessao", 17, raw)
    """
    whole = textwrap.dedent(preamble) + textwrap.dedent(program)
    ended = subprocess.run([sys.executable, "-c", whole], check=False, capture_output=True, text=True)
    assert ended.returncode == 9, ended.stderr
    return ended.stdout


def test_a_full_disk_leaves_whole_records_and_entries_in_memory(tmp_path: Path) -> None:
    output = on_a_small_disk(
        tmp_path,
        """
        assert append(b"before").segment is not None
        disk(200)  # the next one is begun, and can't be ended
        for _ in range(50):
            entry = append(b"x" * 400)
            assert (entry.segment, entry.raw) == (None, b"x" * 400)
            journal_here.done(entry)
        disk(-1)
        assert append(b"after").segment is not None
        os._exit(9)
        """,
    )
    assert replayed(tmp_path) == [b"before", b"after"]
    assert output.count("journal_not_writable") == 1


def test_an_outage_is_told_again_once_the_disk_has_worked_for_long(tmp_path: Path) -> None:
    output = on_a_small_disk(
        tmp_path,
        """
        journal.OUTAGE_OVER_SECONDS = 0.0
        for _ in range(2):
            disk(10)
            append(b"refused"), append(b"refused")
            disk(-1)
            append(b"taken"), append(b"taken")
        os._exit(9)
        """,
    )
    assert replayed(tmp_path) == [b"taken"] * 4
    assert (output.count("journal_not_writable"), output.count("journal_writable_again")) == (2, 2)
    assert "still_in_memory=4" in output


def test_a_write_that_takes_a_part_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("workers.journal.os.write", lambda file, data: write(file, data[:7]))
    dead = Journal(tmp_path)
    for number in range(3):
        dead.append("sessao", 17, b"raw-%d" % number)
    dead.close()
    assert replayed(tmp_path) == [b"raw-0", b"raw-1", b"raw-2"]


def test_what_could_not_be_taken_back_at_once_is_before_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def ends_in_the_middle(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(file, data[:20])

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    dead = Journal(tmp_path)
    dead.append("sessao", 17, b"before")
    with monkeypatch.context() as broken:
        broken.setattr("workers.journal.os.write", ends_in_the_middle)
        broken.setattr("workers.journal.os.ftruncate", refuse)
        assert dead.append("sessao", 17, b"lost").segment is None
    dead.append("sessao", 17, b"after")
    dead.close()
    assert replayed(tmp_path) == [b"before", b"after"]


def test_where_no_segment_can_be_begun_the_full_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 10)
    dead = Journal(tmp_path)
    dead.append("sessao", 17, b"first")
    (folder,) = tmp_path.iterdir()
    (folder / "00000002.seg").mkdir()
    assert dead.append("sessao", 17, b"second").segment is not None
    (folder / "00000002.seg").rmdir()
    dead.append("sessao", 17, b"third")
    dead.close()
    assert replayed(tmp_path) == [b"first", b"second", b"third"]
    assert len(list(folder.glob("*.seg"))) == 2


def test_a_segment_that_can_not_be_removed_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    dead = Journal(tmp_path)
    entry = dead.append("sessao", 17, b"x" * journal.SEGMENT_BYTES)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr("workers.journal.os.ftruncate", refuse)
        dead.done(entry)
    dead.close()
    assert [log["event"] for log in logs] == ["journal_not_writable"]


def test_what_can_not_be_set_aside_stays_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "unreadable.seg").symlink_to(FULL)
    first = Journal(tmp_path)
    entry = first.append("sessao", 99, b"unknown")
    first.set_aside(entry)
    first.done(entry)
    first.close()
    (found,) = orphans(tmp_path)
    (entry,) = found.entries()
    second = Journal(tmp_path)
    second.set_aside(entry)  # a replay on the same full disk
    found.discard()
    assert list(orphans(tmp_path)) == []  # not again and again while this process runs
    second.close()
    found.release()  # as the end of the process does
    (tmp_path / "unreadable.seg").unlink()
    (found,) = orphans(tmp_path)
    third = Journal(tmp_path)
    for entry in found.entries():
        third.set_aside(entry)
    found.discard()
    third.close()
    assert b"unknown" in (tmp_path / "unreadable.seg").read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "unreadable.seg"]


def three_records(folder: Path, middle: bytes = b"in the middle") -> tuple[Path, int]:
    """A segment with three records; returns it and where the second begins."""
    dead = Journal(folder)
    for raw in (b"first", middle, b"last"):
        dead.append("sessao", 17, raw)
    dead.close()
    (segment,) = folder.glob("*/*.seg")
    return segment, HEAD_BYTES + len(b"sessao" + b"first")


def test_what_is_behind_a_damaged_body_is_replayed_and_nothing_from_inside_it(tmp_path: Path) -> None:
    body = b"sessaoforged"
    forged = struct.pack(">IIHHQ", 6, zlib.crc32(body), 6, 17, 0) + body
    segment, second = three_records(tmp_path, b"beginning" + forged + b"end")
    data = bytearray(segment.read_bytes())
    data[second + HEAD_BYTES + 7] ^= 1
    segment.write_bytes(data)
    with capture_logs() as logs:
        assert replayed(tmp_path) == [b"first", b"last"]
    size = HEAD_BYTES + len(b"sessao" + b"beginning" + forged + b"end")
    (log,) = logs
    assert (log["event"], log["offset"], log["skipped"]) == ("journal_damaged", second, size)


@pytest.mark.parametrize("damaged", [0, 4, 9], ids=["length", "checksum", "name_length"])
def test_what_is_behind_a_damaged_head_is_replayed(tmp_path: Path, damaged: int) -> None:
    segment, second = three_records(tmp_path)
    data = bytearray(segment.read_bytes())
    data[second + damaged] ^= 0x55
    segment.write_bytes(data)
    assert replayed(tmp_path) == [b"first", b"last"]


def test_what_is_behind_a_record_cut_short_is_replayed(tmp_path: Path) -> None:
    segment, second = three_records(tmp_path)
    data = segment.read_bytes()
    cut = second + HEAD_BYTES + 10
    segment.write_bytes(data[:cut] + data[second + HEAD_BYTES + len(b"sessao" + b"in the middle") :])
    assert replayed(tmp_path) == [b"first", b"last"]


def test_zeros_are_no_records(tmp_path: Path) -> None:
    segment, _ = three_records(tmp_path)
    with segment.open("ab") as end:
        end.write(bytes(4_096))
    with capture_logs() as logs:
        assert replayed(tmp_path) == [b"first", b"in the middle", b"last"]
    assert [(log["event"], log["skipped"]) for log in logs] == [("journal_record_incomplete", 4_096)]


def test_much_damage_takes_seconds_not_hours(tmp_path: Path) -> None:
    segment, second = three_records(tmp_path, os.urandom(3 * 1024 * 1024))
    data = bytearray(segment.read_bytes())
    data[second] ^= 0x55
    segment.write_bytes(data)
    began = time.monotonic()
    assert replayed(tmp_path) == [b"first", b"last"]
    assert time.monotonic() - began < 20
