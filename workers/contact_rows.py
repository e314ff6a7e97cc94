"""The people a session knows, in the table: one row each, found by either of their names."""

from typing import Any

import sqlalchemy as sa

from flashapi.events import Person
from flashapi.models.base import now_ms
from flashapi.models.contacts import contacts
from workers.upsert import upsert

NAME_LONGEST = 255
_NAMES = ("name", "push_name", "verified_name")


def note(connection: sa.Connection, session_id: str, who: Person, **facts: str | None) -> bool:
    """Write what has been learnt of somebody; facts that are None are not known, and change nothing.

    Gives whether any of the facts is news. A row that knew the person by the LID alone gets the phone JID too.
    """
    known = {name: _cut(name, value) for name, value in facts.items() if value is not None}
    row = _row_of(connection, session_id, who)
    moment = now_ms()
    if row is None:
        identity = {"session_id": session_id, "jid": who.preferred}
        facts_now = {**known, "lid": who.lid, "updated_at": moment}
        upsert(connection, contacts, identity, facts_now, {"created_at": moment})
        return bool(known)
    news = {name: value for name, value in known.items() if getattr(row, name) != value}
    changes = {**_naming(row, who), **news}
    if changes:
        connection.execute(contacts.update().where(contacts.c.id == row.id).values(updated_at=moment, **changes))
    return bool(news)


def forget_picture(connection: sa.Connection, session_id: str, who: Person) -> None:
    """The address of somebody's picture is no longer right."""
    row = _row_of(connection, session_id, who)
    if row is not None:
        connection.execute(
            contacts.update().where(contacts.c.id == row.id).values(picture_url=None, updated_at=now_ms())
        )


def _row_of(connection: sa.Connection, session_id: str, who: Person) -> Any:
    """The person's row. Two rows, one from before it was known that both names are one person, become one."""
    names = [name for name in (who.jid, who.lid) if name]
    by_name = sa.or_(contacts.c.jid.in_(names), *([contacts.c.lid == who.lid] if who.lid else []))
    rows = connection.execute(
        sa.select(contacts).where(contacts.c.session_id == session_id, by_name).order_by(contacts.c.id)
    ).all()
    if not rows:
        return None
    kept = next((row for row in rows if row.jid == who.jid), rows[0])
    for other in rows:
        if other.id != kept.id:
            missing = [c for c in (*_NAMES, "picture_url", "about") if getattr(kept, c) is None]
            gained = {c: getattr(other, c) for c in missing if getattr(other, c) is not None}
            connection.execute(contacts.delete().where(contacts.c.id == other.id))
            if gained:
                connection.execute(contacts.update().where(contacts.c.id == kept.id).values(gained))
    if len(rows) > 1:
        kept = connection.execute(sa.select(contacts).where(contacts.c.id == kept.id)).one()
    return kept


def _naming(row: Any, who: Person) -> dict[str, str]:
    naming = {}
    if who.jid and row.jid != who.jid:
        naming["jid"] = who.jid
    if who.lid and row.lid != who.lid:
        naming["lid"] = who.lid
    return naming


def _cut(name: str, value: str) -> str:
    return value[:NAME_LONGEST] if name in _NAMES else value
