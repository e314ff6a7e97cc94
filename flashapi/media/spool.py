"""Files on their way: what is to be sent waits here until its row is final, what was received for a while.

The web tier and the workers of a machine share the folder; rows, jobs and events carry only names of files in it.
"""

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Collection
from pathlib import Path
from typing import Self

from flashapi.errors import Gone, TooLarge, Unavailable
from flashapi.settings import Settings

HEAD_BYTES = 8 * 1024
"""As much as telling a file's type from its content takes."""
UNNAMED_SECONDS = 600.0
"""A file is spooled before its row is written; after so long without a row it has none."""
RECEIVED_SECONDS = 3_600.0
"""How long a received file is kept after it was last asked for."""
PART = ".part"
_TO_SEND = re.compile(r"out_([0-9a-z-]{1,36})_[0-9a-f]{16}")
_RECEIVED = re.compile(r"in_[0-9a-f]{64}")


class Spool:
    """The folder. Files are written as `.part` and named once they are whole."""

    def __init__(self, settings: Settings) -> None:
        self.file_limit = settings.media_limit_bytes
        self._quota = settings.media_quota_bytes
        self._folder = settings.media_dir

    def refuse_beyond_limit(self, size: int) -> None:
        """Raise TooLarge for a file of so many bytes, if it may not have so many."""
        if size > self.file_limit:
            raise _too_large(self.file_limit)

    def draft(self, at_most: int | None = None) -> "Draft":
        """A new file, of `at_most` so many bytes where that is less than any may have. Raises Unavailable when the
        quota is used up."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        room = self._quota - self._used()
        if room < self.file_limit:
            room += self._evict_received(self.file_limit - room)
        if room <= 0:
            raise Unavailable("O armazenamento de mídia está cheio; tente novamente mais tarde", retry_after=60)
        return Draft(self._folder, min(self.file_limit, at_most or self.file_limit), room)

    def path(self, name: str) -> Path:
        """The file of that name. Raises Gone."""
        path = self._folder / name
        if not _is_name(name) or not path.is_file():
            raise Gone("O arquivo não está mais no armazenamento de mídia")
        return path

    def find_received(self, session_id: str, message_id: str) -> Path | None:
        """A message's file, if it was fetched not long ago; asking for it keeps it longer."""
        path = self._folder / received_name(session_id, message_id)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if _is_name(name):
            (self._folder / name).unlink(missing_ok=True)

    def to_send(self) -> dict[str, str]:
        """Files to send that have lain here long enough for a row to name them, each with its session's id."""
        before = time.time() - UNNAMED_SECONDS
        found = ((_TO_SEND.fullmatch(name), changed) for name, _, changed in self._files())
        return {match[0]: match[1] for match, changed in found if match is not None and changed < before}

    def sweep(self, forgotten: Collection[str] = ()) -> int:
        """Remove these files to send, drafts nobody finished, received files nobody asked for lately; say how many."""
        now = time.time()
        expired = [
            name
            for name, _, changed in self._files()
            if changed < now - RECEIVED_SECONDS and (name.endswith(PART) or _RECEIVED.fullmatch(name))
        ]
        for name in (*forgotten, *expired):
            (self._folder / name).unlink(missing_ok=True)
        return len(forgotten) + len(expired)

    def _used(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _evict_received(self, wanted: int) -> int:
        """Remove received files, the oldest first, until so many bytes are free; returns how many are."""
        freed = 0
        for name, size, _ in sorted(self._files(), key=lambda file: file[2]):
            if freed >= wanted:
                break
            if _RECEIVED.fullmatch(name):
                (self._folder / name).unlink(missing_ok=True)
                freed += size
        return freed

    def _files(self) -> list[tuple[str, int, float]]:
        """Name, size and time of the last change of every file."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    try:
                        status = entry.stat()
                    except FileNotFoundError:
                        continue  # removed meanwhile
                    found.append((entry.name, status.st_size, status.st_mtime))
        except FileNotFoundError:
            return []  # nothing was ever spooled
        return found


class Draft:
    """A file being written. Closing it removes it, unless it was kept."""

    def __init__(self, folder: Path, limit: int, room: int) -> None:
        self.size = 0
        self.head = b""
        self.limit, self._room = limit, room
        self._digest = hashlib.sha256()
        self._part = folder / f"{secrets.token_hex(16)}{PART}"
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    @property
    def sha256(self) -> str:
        """Of what has been written so far, in hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Append. Raises TooLarge beyond the limit of a file, Unavailable beyond what the folder may hold."""
        self.size += len(data)
        if self.size > self.limit:
            raise _too_large(self.limit)
        if self.size > self._room:
            raise Unavailable("O armazenamento de mídia está cheio; tente novamente mais tarde", retry_after=60)
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(data[: HEAD_BYTES - len(self.head)])
        self._digest.update(data)
        return self._file.write(data)

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """Nothing to do: form parsers rewind what they have written."""
        return 0

    def keep(self, name: str) -> str:
        """The file is whole: give it this name, and return it."""
        self._file.close()
        self._part.rename(self._part.with_name(name))
        return name

    def close(self) -> None:
        """Remove it, unless it was kept."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def name_to_send(session_id: str) -> str:
    """A new name for a file that this session is to send."""
    return f"out_{session_id}_{secrets.token_hex(8)}"


def received_name(session_id: str, message_id: str) -> str:
    """The file of a received message."""
    return f"in_{hashlib.sha256(f'{session_id}/{message_id}'.encode()).hexdigest()}"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"O arquivo passa do limite de {limit} bytes")


def _is_name(name: str) -> bool:
    return bool(_TO_SEND.fullmatch(name) or _RECEIVED.fullmatch(name))


def file_named_in(payload: str) -> str | None:
    """The name of the file to send that an outbox row's payload refers to, if it does."""
    if '"spool"' not in payload:
        return None
    media = json.loads(payload).get("media")
    return media.get("spool") if isinstance(media, dict) else None
