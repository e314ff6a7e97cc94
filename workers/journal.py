"""Raw inbound events, appended before anything else happens and replayed after a crash (D6).

WhatsApp has its ack before Python has the message, so between neonize's buffer and the database lies only this file.
A journal is a folder of segments, `<name>/<number>.seg`, owned by the process that holds the lock on `<name>/lock`;
a segment goes when everything in it is in the database. Records are written with one `write` each: they survive the
death of the process, not of the machine (no fsync: it would hold up the acks of every session).
"""

import fcntl
import os
import struct
import threading
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from workers.addressing import Asks

log = structlog.get_logger()

SEGMENT_BYTES = 4 * 1024 * 1024
_HEAD = struct.Struct(">IIHHQ")
"""Length of raw, crc32 of all that follows the head, length of the session id, event code, missed_before."""


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
    segment: Segment
    client: "Asks | None" = None
    """The client that received it, while it runs: none after a replay."""
    missed_before: int = 0
    """While the session caught up with what it had missed: when it connected, in ms. Else 0."""


class Journal:
    """The journal of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._folder.mkdir(parents=True)
        self._lock_file = _take_lock(self._folder)
        assert self._lock_file is not None
        self._lock = threading.Lock()
        self._number = 0
        self._file = -1
        self._segment: Segment | None = None

    def append(
        self, session_id: str, code: int, raw: bytes, client: "Asks | None" = None, missed_before: int = 0
    ) -> Entry:
        """Write an event; when this returns it survives the process."""
        record = _pack(session_id, code, raw, missed_before)
        with self._lock:
            segment = self._segment
            if segment is None or segment.size >= SEGMENT_BYTES:
                segment = self._begin_segment()
            os.write(self._file, record)
            segment.size += len(record)
            segment.open += 1
        return Entry(session_id, code, raw, segment, client, missed_before)

    def done(self, entry: Entry) -> None:
        """The event is in the database; the last one of a segment removes or empties its file."""
        with self._lock:
            segment = entry.segment
            segment.open -= 1
            if segment.open:
                return
            if segment.full:
                segment.path.unlink(missing_ok=True)
            elif segment is self._segment and segment.size > SEGMENT_BYTES // 64:
                os.ftruncate(self._file, 0)  # opened for appending: the next record starts at the beginning
                segment.size = 0

    def set_aside(self, entry: Entry) -> None:
        """Keep an event that can't be understood, in a file that nothing reads or removes."""
        with self._lock, (self._folder.parent / "unreadable.seg").open("ab") as aside:
            aside.write(_pack(entry.session_id, entry.code, entry.raw, entry.missed_before))

    def close(self) -> None:
        """Give the journal up; if everything in it is stored it leaves nothing behind."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            if self._segment is not None and self._segment.open == 0:
                self._segment.path.unlink(missing_ok=True)
            _remove_if_empty(self._folder)
            os.close(self._lock_file)  # type: ignore[arg-type]

    def _begin_segment(self) -> Segment:
        if self._segment is not None:
            os.close(self._file)
            self._segment.full = True
            if self._segment.open == 0:
                self._segment.path.unlink(missing_ok=True)
        self._number += 1
        path = self._folder / f"{self._number:08d}.seg"
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._segment = Segment(path)
        return self._segment


class Orphan:
    """The journal of a process that is gone, taken over for replay."""

    def __init__(self, folder: Path, lock_file: int) -> None:
        self._folder = folder
        self._lock_file = lock_file

    def entries(self) -> Iterator[Entry]:
        """Everything in it, in order. What is stored already is recognised by the database."""
        for path in sorted(self._folder.glob("*.seg")):
            segment = Segment(path)
            for session_id, code, raw, missed_before in _unpack(path):
                yield Entry(session_id, code, raw, segment, missed_before=missed_before)

    def discard(self) -> None:
        """Everything in it is stored: remove it."""
        for path in self._folder.glob("*.seg"):
            path.unlink(missing_ok=True)
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


def _pack(session_id: str, code: int, raw: bytes, missed_before: int) -> bytes:
    name = session_id.encode()
    return _HEAD.pack(len(raw), zlib.crc32(name + raw), len(name), code, missed_before) + name + raw


def _unpack(path: Path) -> Iterator[tuple[str, int, bytes, int]]:
    """The records of a file, up to the first that is incomplete: the process died in the middle of it."""
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum, name_length, code, missed_before = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        end = start + name_length + length
        body = data[start:end]
        if len(body) < name_length + length or zlib.crc32(body) != checksum:
            log.warning("journal_record_incomplete", path=path.name, offset=at)
            return
        yield body[:name_length].decode(), code, body[name_length:], missed_before
        at = end
