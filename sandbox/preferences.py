"""What an account has chosen about itself: its "about" text, whom it blocks, who may see what."""

from __future__ import annotations

import json
import sqlite3

from sandbox.accounts import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS preferences (
    account TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
"""
DEFAULT_ABOUT = "Hey there! I am using WhatsApp."

# The names and values that whatsmeow knows (types/user.go: PrivacySettingType, PrivacySetting).
PRIVACY = {
    "groupadd": {"all", "contacts", "contact_blacklist", "none"},
    "last": {"all", "contacts", "contact_blacklist", "none"},
    "status": {"all", "contacts", "contact_blacklist", "none"},
    "profile": {"all", "contacts", "contact_blacklist", "none"},
    "readreceipts": {"all", "none"},
    "online": {"all", "match_last_seen"},
    "calladd": {"all", "known"},
}


class Preferences:
    """Kept in memory once read: blocking is asked about for every message."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.executescript(SCHEMA)
        self._values = {
            (account, name): json.loads(value)
            for account, name, value in connection.execute("SELECT account, name, value FROM preferences")
        }

    def about(self, account: Account) -> str:
        return str(self._values.get((account.number, "about"), DEFAULT_ABOUT))

    def set_about(self, account: Account, text: str) -> None:
        self._set(account, "about", text)

    def blocked(self, account: Account) -> list[str]:
        """The numbers of the accounts that are blocked, in the order of blocking."""
        return list(self._values.get((account.number, "blocked"), []))

    def set_blocked(self, account: Account, other: Account, blocked: bool) -> bool:
        """Block or unblock somebody; whether that changed anything."""
        numbers = self.blocked(account)
        if (other.number in numbers) is blocked:
            return False
        self._set(account, "blocked", [one for one in numbers if one != other.number] + [other.number] * blocked)
        return True

    def blocks(self, account: Account, other: Account) -> bool:
        return other.number in self._values.get((account.number, "blocked"), ())

    def privacy(self, account: Account) -> dict[str, str]:
        """All settings by name."""
        changed: dict[str, str] = self._values.get((account.number, "privacy"), {})
        return dict.fromkeys(PRIVACY, "all") | changed

    def set_privacy(self, account: Account, name: str, value: str) -> None:
        """Change one setting. Raises ValueError for names and values that there are not."""
        if value not in PRIVACY.get(name, ()):
            raise ValueError(f"{name}={value}")
        self._set(account, "privacy", self.privacy(account) | {name: value})

    def contact_code(self, account: Account) -> str | None:
        """The code of the link by which others find the account."""
        code = self._values.get((account.number, "contact_code"))
        return None if code is None else str(code)

    def set_contact_code(self, account: Account, code: str) -> None:
        self._set(account, "contact_code", code)

    def _set(self, account: Account, name: str, value: object) -> None:
        self._values[account.number, name] = value
        row = (account.number, name, json.dumps(value))
        self.connection.execute("REPLACE INTO preferences VALUES (?, ?, ?)", row)
