"""Raw inbound events, appended before anything else happens and replayed after a crash.

WhatsApp has its ack before Python has the message, so between neonize's buffer and the database lies only this file.
A journal is a folder of segments, `<name>/<number>.seg`, owned by the process that holds the lock on `<name>/lock`;
a segment goes when everything in it is in the database. Records are written whole or not at all: they survive the
death of the process, not of the machine (no fsync: it would hold up the acks of every session). While the disk takes
nothing, an event is an entry all the same, in memory only.
"""

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import structlog

from workers import journal_records

if TYPE_CHECKING:
    from workers.addressing import Asks

log = structlog.get_logger()

SEGMENT_BYTES = 4 * 1024 * 1024
UNREADABLE = "unreadable.seg"
"""Beside the journals: what nobody understood so far."""
OUTAGE_OVER_SECONDS = 60.0
"""So long every write must have worked; until then a failure is of the same outage and not logged again."""


class Segment:
    """One file of a journal and how many of its records are still to be stored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = 0
        self.size = 0
        self.full = False


@dataclass(frozen=True)
class Entry:
    """An event as neonize gave it, and where it is written."""

    session_id: str
    code: int
    raw: bytes
    segment: Segment | None
    """None while it is in memory only."""
    client: "Asks | None" = None
    """The client that received it, while it runs: none after a replay."""
    missed_before: int = 0
    """While the session caught up with what it had missed: when it connected, in ms. Else 0."""


class Journal:
    """The journal of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock_file = _new_folder(folder)
        self.aside = 0
        """How many events were set aside."""
        self._lock = threading.Lock()
        self._number = 0
        self._file = -1
        self._segment: Segment | None = None
        self._in_memory = 0
        self._failed_at: float | None = None

    def append(
        self, session_id: str, code: int, raw: bytes, client: "Asks | None" = None, missed_before: int = 0
    ) -> Entry:
        """Write an event; when this returns it survives the process, unless the disk takes nothing (`segment`)."""
        record = journal_records.pack(session_id, code, raw, missed_before)
        with self._lock:
            try:
                segment = self._segment
                if segment is None or segment.size >= SEGMENT_BYTES:
                    segment = self._begin_segment()
                journal_records.put(self._file, segment.size, record)
            except OSError as error:
                self._note_failure(error)
                self._in_memory += 1
                return Entry(session_id, code, raw, None, client, missed_before)
            segment.size += len(record)
            segment.open += 1
            if self._failed_at is not None:
                self._note_success(self._failed_at)
        return Entry(session_id, code, raw, segment, client, missed_before)

    def done(self, entry: Entry) -> None:
        """The event is in the database; the last one of a segment removes or empties its file."""
        with self._lock:
            segment = entry.segment
            if segment is None:
                self._in_memory -= 1
                return
            segment.open -= 1
            if segment.open:
                return
            try:
                self._clear(segment)
            except OSError as error:
                self._note_failure(error)

    def set_aside(self, entry: Entry) -> None:
        """Keep an event that can't be understood, in a file for a version that does (`take_unreadable`).

        While the disk takes nothing its segment keeps it instead, for the next start to try again.
        """
        record = journal_records.pack(entry.session_id, entry.code, entry.raw, entry.missed_before)
        with self._lock:
            try:
                with _locked(self._folder.parent / UNREADABLE) as aside:
                    journal_records.put(aside.fileno(), aside.seek(0, os.SEEK_END), record)
                self.aside += 1
            except OSError as error:
                if entry.segment is not None:
                    entry.segment.open += 1
                lost = entry.segment is None
                log.error("event_not_set_aside", session=entry.session_id, lost=lost, error=str(error))

    def close(self) -> None:
        """Give the journal up; if everything in it is stored it leaves nothing behind."""
        with self._lock:
            if self._in_memory:
                log.error("journal_closed_with_events_in_memory", lost=self._in_memory)
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            if self._segment is not None and self._segment.open == 0:
                self._segment.path.unlink(missing_ok=True)
            _remove_if_empty(self._folder)
            os.close(self._lock_file)

    def _begin_segment(self) -> Segment:
        """The next segment, or the full one for a while longer where there can be no other."""
        path = self._folder / f"{self._number + 1:08d}.seg"
        try:
            file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        except OSError as error:
            if self._segment is None:
                raise
            self._note_failure(error)
            return self._segment
        full, full_file = self._segment, self._file
        self._segment, self._file = Segment(path), file
        self._number += 1
        if full is not None:
            full.full = True
            with suppress(OSError):  # what is replayed needlessly does no harm
                os.close(full_file)
                if full.open == 0:
                    full.path.unlink(missing_ok=True)
        return self._segment

    def _clear(self, segment: Segment) -> None:
        if segment.full:
            segment.path.unlink(missing_ok=True)
        elif segment is self._segment and segment.size > SEGMENT_BYTES // 64:
            os.ftruncate(self._file, 0)  # opened for appending: the next record starts at the beginning
            segment.size = 0

    def _note_failure(self, error: OSError) -> None:
        if self._failed_at is None:
            log.error("journal_not_writable", folder=str(self._folder), error=str(error))
        self._failed_at = time.monotonic()

    def _note_success(self, failed_at: float) -> None:
        if time.monotonic() - failed_at > OUTAGE_OVER_SECONDS:
            log.warning("journal_writable_again", still_in_memory=self._in_memory)
            self._failed_at = None


class Orphan:
    """The journal of a process that is gone, taken over for replay."""

    def __init__(self, folder: Path, lock_file: int) -> None:
        self._folder = folder
        self._lock_file = lock_file
        self._segments: list[Segment] = []

    def entries(self) -> Iterator[Entry]:
        """Everything in it, in order. What is stored already is recognised by the database."""
        for path in sorted(self._folder.glob("*.seg")):
            segment = Segment(path)
            self._segments.append(segment)
            for session_id, code, raw, missed_before in journal_records.unpack(path):
                yield Entry(session_id, code, raw, segment, missed_before=missed_before)

    def discard(self) -> None:
        """Everything in it is stored: remove it.

        A segment that keeps what could not be set aside stays, and the lock with it, until this process ends.
        """
        for segment in self._segments:
            if segment.open == 0:
                segment.path.unlink(missing_ok=True)
        if not any(segment.open for segment in self._segments):
            _remove_if_empty(self._folder)
            self.release()

    def release(self) -> None:
        """Leave it to somebody else."""
        os.close(self._lock_file)


def orphans(folder: Path) -> Iterator[Orphan]:
    """The journals whose process is gone. Each is ours until it is discarded or released."""
    if not folder.exists():
        return
    for candidate in sorted(path for path in folder.iterdir() if path.is_dir()):
        lock_file = _take_lock(candidate)
        if lock_file is not None:
            yield Orphan(candidate, lock_file)


def take_unreadable(folder: Path) -> Orphan | None:
    """What was set aside, as a journal to be replayed; None if there is nothing.

    Cut off, it is one that the next worker finds. Processes that set aside more begin a new file.
    """
    if not (folder / UNREADABLE).exists():
        return None
    taken, lock_file = _new_folder(folder)
    with _locked(folder / UNREADABLE):
        (folder / UNREADABLE).rename(taken / "00000001.seg")
    return Orphan(taken, lock_file)


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """The file of this name, made if need be, while no other process has it."""
    while True:
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(path, file):
                yield file
                return


def _is_still(path: Path, file: BinaryIO) -> bool:
    """Whether the file has its name yet, which somebody may have taken from it while we waited for the lock."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _new_folder(parent: Path) -> tuple[Path, int]:
    """A folder for a journal, and its lock."""
    while True:
        folder = parent / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        lock_file = _take_lock(folder)
        if lock_file is not None:  # else somebody who looks for orphans was faster, and removes it
            return folder, lock_file


def _take_lock(folder: Path) -> int | None:
    try:
        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_if_empty(folder: Path) -> None:
    if any(folder.glob("*.seg")):
        return
    (folder / "lock").unlink(missing_ok=True)
    folder.rmdir()
