"""The groups a session's account is in. `jid` columns hold the phone JID where it is known, `lid` columns the LID."""

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Millis, RowId, metadata

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("jid", sa.String(128), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("subject_by", sa.String(128)),
    sa.Column("subject_by_lid", sa.String(128)),
    sa.Column("subject_at", sa.BigInteger),  # seconds, from WhatsApp
    sa.Column("owner", sa.String(128)),
    sa.Column("owner_lid", sa.String(128)),
    sa.Column("founded_at", sa.BigInteger),  # seconds, from WhatsApp
    sa.Column("description", sa.Text),
    sa.Column("description_by", sa.String(128)),
    sa.Column("description_by_lid", sa.String(128)),
    sa.Column("description_at", sa.BigInteger),  # seconds, from WhatsApp
    sa.Column("description_id", sa.String(64)),
    sa.Column("locked", sa.Boolean, nullable=False, default=False),  # only admins change its settings
    sa.Column("announce", sa.Boolean, nullable=False, default=False),  # only admins write
    sa.Column("ephemeral_seconds", sa.Integer),
    sa.Column("parent", sa.String(128)),  # the community it belongs to
    sa.Column("is_community", sa.Boolean, nullable=False, default=False),
    sa.Column("participants", sa.JSON, nullable=False),  # [{"jid", "lid", "admin": null|"admin"|"superadmin"}]
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.UniqueConstraint("session_id", "jid"),
    **OPTIONS,
)
