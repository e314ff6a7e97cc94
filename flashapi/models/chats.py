"""What the session's chats have come to, kept up with every message; who has voted for what; who has called."""

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Millis, RowId, metadata

chats = sa.Table(
    "chats",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("jid", sa.String(128), nullable=False),
    sa.Column("name", sa.String(255)),
    sa.Column("is_group", sa.Boolean, nullable=False, default=False),
    sa.Column("unread", sa.Integer, nullable=False, default=0),
    sa.Column("last_message_at", sa.BigInteger, nullable=False, default=0),  # seconds, from WhatsApp
    sa.Column("archived", sa.Boolean, nullable=False, default=False),
    sa.Column("pinned", sa.Boolean, nullable=False, default=False),
    sa.Column("muted_until", sa.BigInteger),  # seconds
    sa.Column("auto_replied_at", Millis),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.UniqueConstraint("session_id", "jid"),
    **OPTIONS,
)

poll_votes = sa.Table(
    "poll_votes",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("poll_id", sa.String(128), nullable=False),
    sa.Column("voter", sa.String(128), nullable=False),  # the phone JID where known, else the LID
    sa.Column("voter_lid", sa.String(128)),
    sa.Column("options", sa.JSON, nullable=False),  # texts; [] when the vote was taken back
    sa.Column("voted_at", Millis, nullable=False),
    sa.UniqueConstraint("session_id", "poll_id", "voter"),
    sa.Index(None, "voted_at"),
    **OPTIONS,
)
"""The latest vote of each voter."""

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("call_id", sa.String(128), nullable=False),
    sa.Column("caller", sa.String(128), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),  # offer | accept | reject | terminate
    sa.Column("is_video", sa.Boolean, nullable=False, default=False),
    sa.Column("is_group", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Millis, nullable=False),
    sa.UniqueConstraint("session_id", "call_id"),
    sa.Index(None, "created_at"),
    **OPTIONS,
)
"""How far each call has come, so that nothing is told of it twice."""
