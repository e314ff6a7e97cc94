"""The names under which a session may have stored a chat that its caller calls by number, JID or LID."""

import sqlalchemy as sa

from flashapi.models.chats import chats
from flashapi.models.contacts import known_people
from flashapi.models.installation import numbers
from flashapi.phone_numbers import spellings
from flashapi.services.sessions import Row

PHONE_SERVER, LID_SERVER = "s.whatsapp.net", "lid"


def possible(connection: sa.Connection, session: Row, jid: str) -> list[str]:
    """All names the chat may have, the likeliest first: a person's by phone, in both spellings, and by LID."""
    user, _, server = jid.partition("@")
    if server not in ("", PHONE_SERVER, LID_SERVER):
        return [jid]
    if server == LID_SERVER:
        of_it = known_people.c.session_id == session.id, known_people.c.lid == jid
        return [*connection.scalars(sa.select(known_people.c.jid).where(*of_it)), jid]
    asked = spellings(user)
    known = connection.execute(
        sa.select(numbers.c.jid, numbers.c.lid).where(
            numbers.c.mode == session.mode, numbers.c.asked.in_(asked), numbers.c.jid.is_not(None)
        )
    ).all()
    by_phone = (f"{spelling}@{PHONE_SERVER}" for spelling in asked)
    return list(dict.fromkeys([*(row.jid for row in known), *by_phone, *(row.lid for row in known if row.lid)]))


def stored(connection: sa.Connection, session: Row, jid: str) -> list[str]:
    """Of these the ones with a stored chat, as a rule one; the likeliest where there is none."""
    names = possible(connection, session, jid)
    found = set(
        connection.scalars(sa.select(chats.c.jid).where(chats.c.session_id == session.id, chats.c.jid.in_(names)))
    )
    return [name for name in names if name in found] or names[:1]
