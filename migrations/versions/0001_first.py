"""The first schema: sessions, their outbox and messages, events and their deliveries."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "sqlite_autoincrement": True,
}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "attempts",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", ROW_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("error", sa.String(500)),
        sa.Column("response", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        **OPTIONS,
    )
    op.create_index("ix_attempts_delivery_id", "attempts", ["delivery_id"])
    op.create_table(
        "calls",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("call_id", sa.String(128), nullable=False),
        sa.Column("caller", sa.String(128), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("is_video", sa.Boolean(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.UniqueConstraint("session_id", "call_id", name="uq_calls_session_id_call_id"),
        **OPTIONS,
    )
    op.create_table(
        "chats",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("jid", sa.String(128), nullable=False),
        sa.Column("name", sa.String(255)),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("last_message_at", sa.BigInteger(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("muted_until", sa.BigInteger()),
        sa.Column("auto_replied_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chats"),
        sa.UniqueConstraint("session_id", "jid", name="uq_chats_session_id_jid"),
        **OPTIONS,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("endpoint_id", ROW_ID, nullable=False),
        sa.Column("position", ROW_ID, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("origin", sa.String(8), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("moved_at", sa.BigInteger()),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("error", sa.String(500)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        **OPTIONS,
    )
    op.create_index("ix_deliveries_endpoint_id_id", "deliveries", ["endpoint_id", "id"])
    op.create_index("ix_deliveries_position", "deliveries", ["position"])
    op.create_index("ix_deliveries_state_endpoint_id_id", "deliveries", ["state", "endpoint_id", "id"])
    op.create_table(
        "endpoints",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("slot", sa.String(50)),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("events", sa.JSON()),
        sa.Column("headers", sa.JSON()),
        sa.Column("description", sa.String(255)),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("paused_at", sa.BigInteger()),
        sa.Column("pause_reason", sa.String(12)),
        sa.Column("secret", sa.Text()),
        sa.Column("previous_secret", sa.Text()),
        sa.Column("previous_until", sa.BigInteger()),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("last_success_at", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
        sa.UniqueConstraint("slot", name="uq_endpoints_slot"),
        **OPTIONS,
    )
    op.create_index("ix_endpoints_session_id", "endpoints", ["session_id"])
    op.create_table(
        "events",
        sa.Column("position", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("session_name", sa.String(100), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("data", LONG_TEXT, nullable=False),
        sa.Column("request_id", sa.String(64)),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
        **OPTIONS,
    )
    op.create_index("ix_events_session_id_position", "events", ["session_id", "position"])
    op.create_table(
        "installation",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
        **OPTIONS,
    )
    op.create_table(
        "messages",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("chat", sa.String(128), nullable=False),
        sa.Column("sender", sa.String(128), nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("from_me", sa.Boolean(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("content", LONG_TEXT, nullable=False),
        sa.Column("raw", BYTES, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("session_id", "chat", "sender", "message_id", name="uq_messages_identity"),
        **OPTIONS,
    )
    op.create_index("ix_messages_created_at", "messages", ["created_at"])
    op.create_index("ix_messages_session_id_chat_id", "messages", ["session_id", "chat", "id"])
    op.create_index("ix_messages_session_id_id", "messages", ["session_id", "id"])
    op.create_index("ix_messages_session_id_message_id", "messages", ["session_id", "message_id"])
    op.create_table(
        "numbers",
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("asked", sa.String(20), nullable=False),
        sa.Column("jid", sa.String(128)),
        sa.Column("lid", sa.String(128)),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mode", "asked", name="pk_numbers"),
        **OPTIONS,
    )
    op.create_index("ix_numbers_mode_lid", "numbers", ["mode", "lid"])
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(128), nullable=False),
        sa.Column("payload", LONG_TEXT, nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("delay_ms", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(64)),
        sa.Column("chat", sa.String(128)),
        sa.Column("message_id", sa.String(128)),
        sa.Column("message_timestamp", sa.BigInteger()),
        sa.Column("error", LONG_TEXT),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sending_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        **OPTIONS,
    )
    op.create_index("ix_outbox_finished_at", "outbox", ["finished_at"])
    op.create_index("ix_outbox_session_id_id", "outbox", ["session_id", "id"])
    op.create_index("ix_outbox_session_id_message_id", "outbox", ["session_id", "message_id"])
    op.create_index("ix_outbox_session_id_sending_at", "outbox", ["session_id", "sending_at"])
    op.create_index("ix_outbox_session_id_state_due_at", "outbox", ["session_id", "state", "due_at"])
    op.create_index("ix_outbox_session_id_state_id", "outbox", ["session_id", "state", "id"])
    op.create_index("ix_outbox_session_id_state_rank_id", "outbox", ["session_id", "state", "rank", "id"])
    op.create_table(
        "queues",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("scheduled", sa.Integer(), nullable=False),
        sa.Column("sending", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Integer(), nullable=False),
        sa.Column("delay_ms", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("settings", LONG_TEXT),
        sa.Column("restricted_until", sa.BigInteger()),
        sa.Column("restriction_code", sa.String(40)),
        sa.Column("restrictions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_queues"),
        **OPTIONS,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("route", sa.String(100), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("row_id", ROW_ID),
        sa.Column("answer", LONG_TEXT),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "route", "key", name="pk_idempotency_keys"),
        **OPTIONS,
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "poll_votes",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("poll_id", sa.String(128), nullable=False),
        sa.Column("voter", sa.String(128), nullable=False),
        sa.Column("voter_lid", sa.String(128)),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("voted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_poll_votes"),
        sa.UniqueConstraint("session_id", "poll_id", "voter", name="uq_poll_votes_session_id_poll_id_voter"),
        **OPTIONS,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(20)),
        sa.Column("phone", sa.String(20)),
        sa.Column("lid", sa.String(64)),
        sa.Column("paired", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.String(12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_epoch", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("qr", sa.Text()),
        sa.Column("qr_expires_at", sa.BigInteger()),
        sa.Column("pairing_code", sa.String(16)),
        sa.Column("last_event_at", sa.BigInteger()),
        sa.Column("last_connected_at", sa.BigInteger()),
        sa.Column("connection_attempts", sa.Integer(), nullable=False),
        sa.Column("reconnect_attempts", sa.Integer(), nullable=False),
        sa.Column("ignore_groups", sa.Boolean(), nullable=False),
        sa.Column("auto_read", sa.Boolean(), nullable=False),
        sa.Column("reject_calls", sa.Boolean(), nullable=False),
        sa.Column("reject_calls_text", sa.Text()),
        sa.Column("auto_reply", sa.Boolean(), nullable=False),
        sa.Column("auto_reply_text", sa.Text()),
        sa.Column("media_base64", sa.Boolean(), nullable=False),
        sa.Column("proxy", sa.String(500)),
        sa.Column("device_name", sa.String(50)),
        sa.Column("browser", sa.String(20)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("key_hash", name="uq_sessions_key_hash"),
        sa.UniqueConstraint("name", name="uq_sessions_name"),
        **OPTIONS,
    )
    op.create_index("ix_sessions_mode_shard", "sessions", ["mode", "shard"])


def downgrade() -> None:
    """Drop the tables."""
    tables = ("sessions", "poll_votes", "queues", "outbox", "numbers", "messages", "installation", "events")
    for table in (*tables, "endpoints", "idempotency_keys", "deliveries", "chats", "calls", "attempts"):
        op.drop_table(table)
