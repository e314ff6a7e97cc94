"""What a phone shows: the messages it has decrypted, in the order they came, and what it has sent itself."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS shown (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, id TEXT NOT NULL, chat TEXT NOT NULL,
    sender TEXT NOT NULL, sender_lid TEXT NOT NULL, timestamp INTEGER NOT NULL, type TEXT NOT NULL,
    content TEXT NOT NULL, message BLOB NOT NULL, is_read INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS shown_to_account ON shown (account, id);
CREATE INDEX IF NOT EXISTS shown_unread ON shown (account, chat) WHERE is_read = 0;
CREATE TABLE IF NOT EXISTS sent (
    position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, id TEXT NOT NULL, chat TEXT NOT NULL,
    message BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sent_of_account ON sent (account, id);
"""

UNDECRYPTABLE = "undecryptable"
EMPTY: dict[str, object] = dict.fromkeys("text caption fileName mimetype size sha256 quoted".split()) | {
    "mentions": [],
    "target": None,
    "details": {},
}

Content = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who wrote a message, where and when; addresses as text, `timestamp` in Unix seconds."""

    id: str
    chat: str
    sender: str
    sender_lid: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that a phone has shown or sent: its chat, its author's LID (None: the phone's own) and plaintext."""

    chat: str
    sender_lid: str | None
    message: bytes


class UnknownMessage(LookupError):
    """A message id that this phone never showed."""


class Inbox:
    """The inboxes of all phones, each addressed by its account's number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.executescript(SCHEMA)

    def add(self, account: str, envelope: Envelope, content: Content, *, read: bool, message: bytes = b"") -> None:
        """Show a message, with the moment in ms, and keep its plaintext; a placeholder of it goes away."""
        self.connection.execute(
            "DELETE FROM shown WHERE account = ? AND id = ? AND type = ?", (account, envelope.id, UNDECRYPTABLE)
        )
        kind = str(content["type"])
        rest = {name: value for name, value in content.items() if name != "type"}
        self.connection.execute(
            "INSERT INTO shown (account, id, chat, sender, sender_lid, timestamp, type, content, message, is_read)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account,
                envelope.id,
                envelope.chat,
                envelope.sender,
                envelope.sender_lid,
                envelope.timestamp,
                kind,
                json.dumps(EMPTY | rest | {"shownAt": time.time_ns() // 1_000_000}),
                message,
                read,
            ),
        )

    def add_undecryptable(self, account: str, envelope: Envelope) -> None:
        """Show that there is a message which could not be read, once."""
        query = "SELECT 1 FROM shown WHERE account = ? AND id = ?"
        if self.connection.execute(query, (account, envelope.id)).fetchone() is None:
            self.add(account, envelope, {"type": UNDECRYPTABLE}, read=True)

    def messages(self, account: str, since: str | None) -> list[dict[str, object]]:
        """What is shown, oldest first; with `since` only what came after that message. Raises UnknownMessage."""
        after = 0
        if since:
            query = "SELECT max(position) FROM shown WHERE account = ? AND id = ?"
            after = self.connection.execute(query, (account, since)).fetchone()[0]
            if after is None:
                raise UnknownMessage(since)
        query = (
            "SELECT id, chat, sender, sender_lid, timestamp, type, content FROM shown"
            " WHERE account = ? AND position > ? ORDER BY position"
        )
        keys = ("id", "chat", "from", "fromLid", "timestamp", "type")
        return [
            dict(zip(keys, row[:-1], strict=True)) | json.loads(row[-1])
            for row in self.connection.execute(query, (account, after))
        ]

    def mark_read(self, account: str, chat: str, ids: list[str] | None) -> list[str]:
        """Mark the given messages of a chat as read, or all unread ones; returns the ids that were not read yet."""
        query = "SELECT id FROM shown WHERE account = ? AND chat = ? AND is_read = 0 ORDER BY position"
        unread = [row[0] for row in self.connection.execute(query, (account, chat))]
        marked = unread if ids is None else [id for id in ids if id in set(unread)]
        self.connection.executemany(
            "UPDATE shown SET is_read = 1 WHERE account = ? AND id = ?", [(account, id) for id in marked]
        )
        return marked

    def unread_authors(self, account: str, chat: str) -> dict[str, str]:
        """The unread messages of a chat: whose each is, by LID."""
        query = "SELECT id, sender_lid FROM shown WHERE account = ? AND chat = ? AND is_read = 0"
        return dict(self.connection.execute(query, (account, chat)).fetchall())

    def remember_sent(self, account: str, id: str, chat: str, message: bytes) -> None:
        """Keep what the phone sent, for devices that ask for it again."""
        self.connection.execute(
            "INSERT INTO sent (account, id, chat, message) VALUES (?, ?, ?, ?)", (account, id, chat, message)
        )

    def find_sent(self, account: str, id: str) -> tuple[str, bytes] | None:
        """Chat and plaintext of a message that the phone sent."""
        query = "SELECT chat, message FROM sent WHERE account = ? AND id = ?"
        row = self.connection.execute(query, (account, id)).fetchone()
        return (row[0], bytes(row[1])) if row else None

    def find(self, account: str, id: str) -> Kept | None:
        """A message that the phone has sent or, with its content, shown."""
        if sent := self.find_sent(account, id):
            return Kept(sent[0], None, sent[1])
        query = "SELECT chat, sender_lid, message FROM shown WHERE account = ? AND id = ? AND message != x''"
        row = self.connection.execute(query, (account, id)).fetchone()
        return Kept(row[0], row[1], bytes(row[2])) if row else None
