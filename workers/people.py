"""Both names of people: phone JID and LID as WhatsApp has told them to a session.

What it answers about a number is remembered in `numbers` for all sessions, since each may ask that. Whose number is
behind a LID each session knows for itself (`known_people`). whatsmeow keeps a list of its own, which a client can be
asked; `introduce` does that before a transaction begins.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from neonize.exc import NeonizeError

from flashapi.connections import Connections
from flashapi.errors import SessionNotConnected
from flashapi.events import Person
from flashapi.models.base import now_ms
from flashapi.models.installation import numbers
from flashapi.parts import parts
from workers import known_people
from workers.addressing import Asks, Whose, check, to_jid
from workers.from_whatsapp import LID_SERVER, PHONE_SERVER, jid_text
from workers.upsert import upsert

LEARNT_AT_ONCE = 100
"""Names in one transaction: SQLite has one writer, and sends wait for it."""


def names(connection: sa.Connection, whose: Whose, jids: Iterable[str]) -> dict[str, Person]:
    """Everybody by the name given, with the other one where the session knows it, or may ask for it by number."""
    wanted = list(dict.fromkeys(jid for jid in jids if jid))
    found = {jid: _alone(jid) for jid in wanted} | known_people.find(connection, whose.id, wanted)
    phones = {_user(jid): jid for jid in wanted if jid.endswith(f"@{PHONE_SERVER}") and found[jid].lid is None}
    for part in parts(list(phones), known_people.AT_ONCE):
        rows = connection.execute(
            sa.select(numbers.c.asked, numbers.c.jid, numbers.c.lid).where(
                numbers.c.mode == whose.mode,
                numbers.c.jid.is_not(None),
                numbers.c.lid.is_not(None),
                numbers.c.asked.in_(part),
            )
        )
        for row in rows:
            if row.jid == phones[row.asked]:  # not that of the other spelling
                found[row.jid] = Person(jid=row.jid, lid=row.lid)
    return found


def learn(connection: sa.Connection, whose: Whose, people: Iterable[Person]) -> None:
    """Remember those whose both names are told; by number, for all sessions."""
    for person in known_people.keep(connection, whose.id, people):
        assert person.lid is not None and person.jid is not None
        connection.execute(  # whoever had the LID under another number has it no longer
            numbers.update()
            .where(numbers.c.mode == whose.mode, numbers.c.lid == person.lid, numbers.c.jid != person.jid)
            .values(lid=None)
        )
        facts = {"jid": person.jid, "lid": person.lid, "checked_at": now_ms()}
        upsert(connection, numbers, {"mode": whose.mode, "asked": _user(person.jid)}, facts)


def introduce(client: Asks, connections: Connections, whose: Whose, jids: Iterable[str]) -> dict[str, Person]:
    """Everybody by the name given, whatsmeow's list being asked for what the table lacks. Not inside a transaction."""
    with connections.reading() as connection:
        found = names(connection, whose, jids)
    news = {}
    for jid, person in found.items():
        if person.jid is None or person.lid is None:
            other = _ask(client, jid)
            if other is not None:
                news[jid] = Person(jid=person.jid or other, lid=person.lid or other)
    for part in parts(list(news.values()), LEARNT_AT_ONCE):
        with connections.part() as connection:
            learn(connection, whose, part)
    return found | news


def accounts(client: Asks, connections: Connections, whose: Whose, named: Sequence[str]) -> list[Person | None]:
    """Who is meant by each of these numbers and JIDs of people; None for a number without an account."""
    digits = {each: _user(each) for each in named if not each.endswith(f"@{LID_SERVER}")}
    checked = {account.number: account for account in check(client, connections, whose, list(digits.values()))}
    lids = introduce(client, connections, whose, [each for each in named if each not in digits])
    found: list[Person | None] = []
    for each in named:
        if each not in digits:
            found.append(lids[each])
            continue
        account = checked[digits[each]]
        found.append(person_of(account.jid, account.lid) if account.exists else None)
    return found


def person_of(*names: str | None) -> Person:
    """Somebody by the names given, whichever is which."""
    phone = next((name for name in names if name and name.endswith(f"@{PHONE_SERVER}")), None)
    return Person(jid=phone, lid=next((name for name in names if name and name.endswith(f"@{LID_SERVER}")), None))


def told(pairs: Sequence[Person]) -> dict[str, Person]:
    """The same people by each of their names."""
    return {name: person for person in pairs for name in (person.jid, person.lid) if name}


def _ask(client: Asks, jid: str) -> str | None:
    question = "get_pn_from_lid" if jid.endswith(f"@{LID_SERVER}") else "get_lid_from_pn"
    try:
        answer = client.call(question, to_jid(jid))
    except (NeonizeError, SessionNotConnected):  # not known, or no longer to be asked
        return None
    return jid_text(answer) if answer.User else None


def _alone(jid: str) -> Person:
    is_lid = jid.endswith(f"@{LID_SERVER}")
    return Person(jid=None if is_lid else jid, lid=jid if is_lid else None)


def _user(jid: str) -> str:
    return jid.split("@", 1)[0]
