"""The people a session knows: one row each, by the phone JID where it is known, else by the LID."""

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Millis, RowId, metadata

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("jid", sa.String(128), nullable=False),
    sa.Column("lid", sa.String(128)),
    sa.Column("name", sa.String(255)),  # as saved in the phone's address book
    sa.Column("push_name", sa.String(255)),  # as the person calls themselves
    sa.Column("verified_name", sa.String(255)),  # of a business
    sa.Column("picture_url", sa.Text),
    sa.Column("about", sa.Text),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.UniqueConstraint("session_id", "jid"),
    sa.Index(None, "session_id", "lid"),
    **OPTIONS,
)

known_people = sa.Table(
    "known_people",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("lid", sa.String(128), nullable=False),
    sa.Column("jid", sa.String(128), nullable=False),
    sa.UniqueConstraint("session_id", "lid"),
    sa.Index(None, "session_id", "jid"),
    **OPTIONS,
)
"""Both names of people, as WhatsApp has told them to this session; not all of them are its contacts."""
