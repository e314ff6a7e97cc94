"""Messages in and out, one row each: the (session, chat, sender, id) key makes replays harmless."""

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Bytes, LongText, Millis, RowId, metadata

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("chat", sa.String(128), nullable=False),
    sa.Column("sender", sa.String(128), nullable=False),
    sa.Column("message_id", sa.String(128), nullable=False),
    sa.Column("from_me", sa.Boolean, nullable=False),
    sa.Column("is_group", sa.Boolean, nullable=False, default=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("content", LongText, nullable=False),  # JSON, the shape of the event's `message`
    sa.Column("raw", Bytes, nullable=False),  # WhatsApp's own protobuf: to quote, forward, download, count votes
    sa.Column("status", sa.String(12), nullable=False),  # received | sent | delivered | read | played
    sa.Column("timestamp", sa.BigInteger, nullable=False),  # seconds, from WhatsApp
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("edited_at", Millis),  # content and raw are those of the latest edit
    sa.Column("revoked_at", Millis),  # taken back by its sender or an admin
    sa.UniqueConstraint("session_id", "chat", "sender", "message_id", name="uq_messages_identity"),
    sa.Index(None, "session_id", "message_id"),
    sa.Index(None, "session_id", "chat", "timestamp", "id"),
    sa.Index(None, "session_id", "timestamp", "id"),
    sa.Index(None, "created_at"),
    **OPTIONS,
)

NEWEST_FIRST = (messages.c.timestamp.desc(), messages.c.id.desc())
"""The order of messages. Rows are numbered as they came, and a phone hands over its older history after the newer."""
