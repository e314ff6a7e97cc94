"""Profile pictures: one JPEG per account or group, with an id that changes when it does."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS pictures (owner TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, image BLOB NOT NULL);
"""
LARGEST_PICTURE = 5 << 20
JPEG_START = b"\xff\xd8\xff"


class InvalidImage(ValueError):
    """Bytes that are no JPEG of a reasonable size."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An owner's picture as clients learn of it."""

    id: str
    size: int
    sha256: str


class Pictures:
    """The pictures by owner: an account's number, or a group's JID."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.executescript(SCHEMA)

    def of(self, owner: str) -> Picture | None:
        row = self.connection.execute("SELECT id, image FROM pictures WHERE owner = ?", (owner,)).fetchone()
        return Picture(row[0], len(row[1]), hashlib.sha256(row[1]).hexdigest()) if row else None

    def by_id(self, id: str) -> bytes | None:
        row = self.connection.execute("SELECT image FROM pictures WHERE id = ?", (id,)).fetchone()
        return bytes(row[0]) if row else None

    def set(self, owner: str, image: bytes) -> Picture:
        """Give an owner a picture. Raises InvalidImage."""
        if not image.startswith(JPEG_START) or len(image) > LARGEST_PICTURE:
            raise InvalidImage
        id = str(time.time_ns() // 1000)
        self.connection.execute("REPLACE INTO pictures VALUES (?, ?, ?)", (owner, id, image))
        return Picture(id, len(image), hashlib.sha256(image).hexdigest())

    def remove(self, owner: str) -> None:
        self.connection.execute("DELETE FROM pictures WHERE owner = ?", (owner,))
