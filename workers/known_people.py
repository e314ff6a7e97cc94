"""Whom a session knows by both names, the phone JID and the LID: from what WhatsApp has told this session and no other.

A LID is what a group that hides its members' numbers shows of them, so another session's knowledge must not open it.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from flashapi.events import Person
from flashapi.models.contacts import known_people as table
from flashapi.parts import parts
from workers.from_whatsapp import LID_SERVER
from workers.upsert import upsert

AT_ONCE = 500
"""Names in one query: SQLite takes a bounded number of parameters."""


def find(connection: sa.Connection, session_id: str, jids: Sequence[str]) -> dict[str, Person]:
    """Those of these names that the session knows both names of, by the name given."""
    found: dict[str, Person] = {}
    for part in parts(jids, AT_ONCE):
        lids = [jid for jid in part if jid.endswith(f"@{LID_SERVER}")]
        phones = [jid for jid in part if not jid.endswith(f"@{LID_SERVER}")]
        for column, named in ((table.c.lid, lids), (table.c.jid, phones)):
            if not named:
                continue
            rows = connection.execute(
                sa.select(table.c.jid, table.c.lid).where(table.c.session_id == session_id, column.in_(named))
            )
            found |= {row._mapping[column]: Person(jid=row.jid, lid=row.lid) for row in rows}
    return found


def keep(connection: sa.Connection, session_id: str, people: Iterable[Person]) -> list[Person]:
    """Remember those whose both names are told; gives those that were not known so."""
    both = {person.lid: person for person in people if person.jid and person.lid}
    known = find(connection, session_id, [lid for lid in both if lid])
    news = [person for lid, person in both.items() if lid not in known or known[lid].jid != person.jid]
    before = find(connection, session_id, [person.jid for person in news if person.jid])
    for person in news:
        if person.jid in before:  # the number was somebody else's
            former = before[person.jid].lid
            connection.execute(table.delete().where(table.c.session_id == session_id, table.c.lid == former))
        upsert(connection, table, {"session_id": session_id, "lid": person.lid}, {"jid": person.jid})
    return news
