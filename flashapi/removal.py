"""Everything a session has left behind in the tables, removed: by its owner, or by the web tier if it has none."""

import sqlalchemy as sa

from flashapi.models.chats import calls, chats, poll_votes
from flashapi.models.contacts import contacts
from flashapi.models.events import deliveries, endpoints, events
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.outbox import outbox
from flashapi.models.sessions import sessions


def remove_rows(connection: sa.Connection, session_id: str) -> None:
    """Delete the session and all that belongs to it."""
    of_its_events = sa.select(events.c.position).where(events.c.session_id == session_id)
    connection.execute(deliveries.delete().where(deliveries.c.position.in_(of_its_events)))
    for table in (endpoints, outbox, messages, calls, chats, poll_votes, contacts, groups, events):
        connection.execute(table.delete().where(table.c.session_id == session_id))
    connection.execute(sessions.delete().where(sessions.c.id == session_id))
