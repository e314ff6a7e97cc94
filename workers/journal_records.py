"""How the journal's events lie in its files: written whole or not at all, found again behind a damaged place."""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger()

_HEAD = struct.Struct(">IIHHQ")
"""Length of raw, crc32 of all that follows the head, length of the session id, event code, missed_before."""
_LIKE_A_HEAD = re.compile(rb"(?=.{8}\0[\x01-\x7f].{10}[!-~])", re.DOTALL)
"""Where a record may begin: its session id is some printable characters."""
Record = tuple[str, int, bytes, int]
"""Session id, event code, raw, missed_before."""


def pack(session_id: str, code: int, raw: bytes, missed_before: int) -> bytes:
    """A record as it stands in a file."""
    name = session_id.encode()
    return _HEAD.pack(len(raw), zlib.crc32(name + raw), len(name), code, missed_before) + name + raw


def put(file: int, size: int, record: bytes) -> None:
    """Write a record behind the first `size` bytes of a file, whole or not at all. Raises OSError."""
    if os.lseek(file, 0, os.SEEK_END) != size:
        os.ftruncate(file, size)  # an earlier part could not be taken back
    try:
        written = os.write(file, record)
        while written < len(record):  # at the end of the disk a part is written first, and the rest raises
            written += os.write(file, record[written:])
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def unpack(path: Path) -> Iterator[Record]:
    """The whole records of a file. One that is cut off at its end is what the process died in the middle of."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        found = _record_at(data, at)
        if found is None:
            onward = _next_whole(data, at)
            if onward is None:
                log.warning("journal_record_incomplete", path=path.name, offset=at, skipped=len(data) - at)
                return
            log.error("journal_damaged", path=path.name, offset=at, skipped=onward - at)
            at = onward
            continue
        record, at = found
        yield record


def _record_at(data: bytes, at: int) -> tuple[Record, int] | None:
    """The record that begins here and where it ends; None if there is none, or not all of it."""
    start = at + _HEAD.size
    if start > len(data):
        return None
    length, checksum, name_length, code, missed_before = _HEAD.unpack_from(data, at)
    end = start + name_length + length
    if not name_length or end > len(data):  # zeros, which a crash of the machine may leave, have the right checksum
        return None
    body = data[start:end]
    if zlib.crc32(body) != checksum:
        return None
    return (body[:name_length].decode(errors="replace"), code, body[name_length:], missed_before), end


def _next_whole(data: bytes, at: int) -> int | None:
    """Where the records go on behind a damaged one.

    That is where it says it ends, if one begins there: what it carries was written by strangers, and may hold bytes
    that look like a record. Else, its head being damaged or its end missing, wherever the next one is found; one that
    a stranger made up would have to name a session by its random id, which only we know.
    """
    if at + _HEAD.size <= len(data):
        length, _, name_length, _, _ = _HEAD.unpack_from(data, at)
        end: int = at + _HEAD.size + name_length + length
        if _record_at(data, end) is not None:
            return end
    places = (match.start() for match in _LIKE_A_HEAD.finditer(data, at + 1))
    return next((place for place in places if _record_at(data, place) is not None), None)
