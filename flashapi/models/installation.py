"""Facts about the installation as a whole, and what WhatsApp answered about numbers."""

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Millis, metadata

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
    **OPTIONS,
)

numbers = sa.Table(
    "numbers",
    metadata,
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("asked", sa.String(20), primary_key=True),
    sa.Column("jid", sa.String(128)),  # null: not registered
    sa.Column("lid", sa.String(128)),
    sa.Column("checked_at", Millis, nullable=False),
    sa.Index(None, "mode", "lid"),
    **OPTIONS,
)
