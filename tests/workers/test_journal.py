"""The inbound journal: what is appended survives the process, nothing stored stays behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from workers import journal
from workers.journal import Journal, orphans


def test_entries_of_a_dead_process_are_replayed_in_order(tmp_path: Path) -> None:
    program = f"""
        import os
        from pathlib import Path
        from workers.journal import Journal
        journal = Journal(Path({str(tmp_path)!r}))
        for number in range(50):
            journal.append(f"sessao-{{number % 3}}", 17, b"raw-%d" % number)
        os._exit(9)  # no clean end: neither file nor lock is closed by us
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ended.returncode == 9
    (found,) = orphans(tmp_path)
    entries = list(found.entries())
    assert [entry.raw for entry in entries] == [b"raw-%d" % number for number in range(50)]
    assert [entry.session_id for entry in entries[:3]] == ["sessao-0", "sessao-1", "sessao-2"]
    assert {entry.code for entry in entries} == {17}
    found.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_journal_of_a_living_process_is_nobodys_orphan(tmp_path: Path) -> None:
    living = Journal(tmp_path)
    living.append("sessao", 17, b"raw")
    assert list(orphans(tmp_path)) == []
    living.close()


def test_a_record_cut_off_by_the_crash_ends_the_replay_before_it(tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    dead.append("sessao", 17, b"whole")
    dead.append("sessao", 17, b"cut in the middle")
    dead.close()
    (segment,) = tmp_path.glob("*/*.seg")
    os.truncate(segment, segment.stat().st_size - 4)
    (found,) = orphans(tmp_path)
    assert [entry.raw for entry in found.entries()] == [b"whole"]
    found.release()


def test_a_clean_end_with_everything_stored_leaves_nothing(tmp_path: Path) -> None:
    clean = Journal(tmp_path)
    for entry in [clean.append("sessao", 17, b"raw") for _ in range(10)]:
        clean.done(entry)
    clean.close()
    assert list(tmp_path.iterdir()) == []


def test_a_clean_end_keeps_what_is_not_stored(tmp_path: Path) -> None:
    clean = Journal(tmp_path)
    clean.done(clean.append("sessao", 17, b"stored"))
    clean.append("sessao", 17, b"not stored")
    clean.close()
    (found,) = orphans(tmp_path)
    assert b"not stored" in [entry.raw for entry in found.entries()]
    found.release()


def test_full_segments_go_once_all_their_entries_are_stored(tmp_path: Path) -> None:
    filling = Journal(tmp_path)
    entries = [filling.append("sessao", 17, b"x" * 1024 * 1024) for _ in range(10)]
    assert len(list(tmp_path.glob("*/*.seg"))) > 1
    for entry in reversed(entries):
        filling.done(entry)
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.seg")) <= journal.SEGMENT_BYTES
    filling.close()
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_understands_is_set_aside(tmp_path: Path) -> None:
    setting = Journal(tmp_path)
    entry = setting.append("sessao", 99, b"unknown")
    setting.set_aside(entry)
    setting.done(entry)
    setting.close()
    assert b"unknown" in (tmp_path / "unreadable.seg").read_bytes()
    assert list(orphans(tmp_path)) == []
