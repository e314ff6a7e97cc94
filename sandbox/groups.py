"""The groups of the network: who is in them, as what, and how they are set up, in memory as in the store."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from sandbox.accounts import Account
from sandbox.jid import GROUP_SERVER, JID

SCHEMA = """
CREATE TABLE IF NOT EXISTS chat_groups (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
"""


class Role(StrEnum):
    """What a member may do; the creator is the one whom no other admin can put out."""

    MEMBER = "member"
    ADMIN = "admin"
    CREATOR = "superadmin"


@dataclass(slots=True)
class Group:
    """A group; people are named by their accounts' numbers, times are Unix seconds."""

    id: str
    subject: str
    creator: str
    created_at: int
    subject_by: str
    subject_at: int
    members: dict[str, Role] = field(default_factory=dict)  # in the order in which they came
    members_version: int = 1
    description: str = ""
    description_id: str = ""
    description_by: str = ""
    description_at: int = 0
    announce: bool = False  # only admins write
    locked: bool = False  # only admins change subject, description and picture
    admins_add: bool = False  # only admins add members
    approval: bool = False  # who comes by the link waits for an admin
    expiration: int = 0  # seconds after which messages disappear; 0: never
    invite: str = ""
    requests: dict[str, int] = field(default_factory=dict)  # who waits for an admin, since when

    @property
    def jid(self) -> JID:
        return JID(self.id, GROUP_SERVER)

    def has(self, account: Account) -> bool:
        return account.number in self.members

    def is_admin(self, account: Account) -> bool:
        return self.members.get(account.number, Role.MEMBER) is not Role.MEMBER

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, document: str) -> Group:
        group = cls(**json.loads(document))
        group.members = {number: Role(role) for number, role in group.members.items()}
        return group


class Groups:
    """All groups, found by address, invitation or member."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.executescript(SCHEMA)
        documents = connection.execute("SELECT document FROM chat_groups")
        self._by_id = {group.id: group for group in (Group.load(document) for (document,) in documents)}

    def make(self, subject: str, creator: Account) -> Group:
        """A group whose only member is its creator; `save` makes it last."""
        now = int(time.time())
        id = f"120363{secrets.randbelow(10**12):012d}"
        group = Group(id, subject, creator.number, now, subject_by=creator.number, subject_at=now)
        group.members[creator.number] = Role.CREATOR
        group.invite = new_invite()
        self._by_id[id] = group
        return group

    def save(self, group: Group) -> None:
        self.connection.execute("REPLACE INTO chat_groups VALUES (?, ?)", (group.id, group.dump()))

    def delete(self, group: Group) -> None:
        del self._by_id[group.id]
        self.connection.execute("DELETE FROM chat_groups WHERE id = ?", (group.id,))

    def by_jid(self, jid: JID | None) -> Group | None:
        return self._by_id.get(jid.user) if jid and jid.server == GROUP_SERVER else None

    def by_invite(self, code: str) -> Group | None:
        return next((group for group in self._by_id.values() if group.invite == code), None)

    def of(self, account: Account) -> list[Group]:
        """The groups somebody is in, oldest first."""
        found = [group for group in self._by_id.values() if group.has(account)]
        return sorted(found, key=lambda group: group.created_at)


def new_invite() -> str:
    """The code in an invitation link, of which only the latest is good."""
    return secrets.token_urlsafe(16)[:22]
