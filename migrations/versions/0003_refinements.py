"""Messages in the order of their time; what goes by its age is found by it; every replaced webhook secret is kept;
attempts to send that are in doubt, each by itself;
each session knows for itself whose number is behind a LID.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "sqlite_autoincrement": True,
}


def upgrade() -> None:
    """Bring the tables to this version's shape, with what they hold."""
    _order_messages_by_time()
    _find_by_age()
    _let_each_session_know_people()
    _keep_each_previous_secret()
    _keep_doubts()


def downgrade() -> None:
    """Bring them back."""
    op.add_column("endpoints", sa.Column("previous_secret", sa.Text()))
    op.add_column("endpoints", sa.Column("previous_until", sa.BigInteger()))
    op.drop_column("endpoints", "previous_secrets")
    op.drop_table("known_people")
    op.drop_index("ix_events_time", "events")
    op.drop_table("outbox_receipts")
    op.drop_table("outbox_doubts")
    op.drop_index("ix_calls_created_at", "calls")
    op.drop_index("ix_poll_votes_voted_at", "poll_votes")
    op.create_index("ix_messages_session_id_id", "messages", ["session_id", "id"])
    op.create_index("ix_messages_session_id_chat_id", "messages", ["session_id", "chat", "id"])
    op.drop_index("ix_messages_session_id_timestamp_id", "messages")
    op.drop_index("ix_messages_session_id_chat_timestamp_id", "messages")


def _order_messages_by_time() -> None:
    _create_index("ix_messages_session_id_timestamp_id", "messages", ["session_id", "timestamp", "id"])
    _create_index("ix_messages_session_id_chat_timestamp_id", "messages", ["session_id", "chat", "timestamp", "id"])
    _drop_index("ix_messages_session_id_id", "messages")
    _drop_index("ix_messages_session_id_chat_id", "messages")


def _find_by_age() -> None:
    _create_index("ix_events_time", "events", ["time"])
    _create_index("ix_calls_created_at", "calls", ["created_at"])
    _create_index("ix_poll_votes_voted_at", "poll_votes", ["voted_at"])


def _let_each_session_know_people() -> None:
    """What was known to all is known to whoever has the contact; the rest WhatsApp tells again."""
    _create_table(
        "known_people",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("lid", sa.String(128), nullable=False),
        sa.Column("jid", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_known_people"),
        sa.UniqueConstraint("session_id", "lid", name="uq_known_people_session_id_lid"),
        **OPTIONS,
    )
    _create_index("ix_known_people_session_id_jid", "known_people", ["session_id", "jid"])
    _fill(
        "known_people",
        "INSERT INTO known_people (session_id, lid, jid) SELECT session_id, lid, MAX(jid) FROM contacts"
        " WHERE lid IS NOT NULL AND jid LIKE '%@s.whatsapp.net' GROUP BY session_id, lid"
    )


def _keep_each_previous_secret() -> None:
    if "previous_secrets" not in _columns("endpoints"):
        op.add_column("endpoints", sa.Column("previous_secrets", sa.JSON()))
    if "previous_secret" not in _columns("endpoints"):
        return
    endpoints = sa.table(
        "endpoints",
        sa.column("id", sa.BigInteger),
        sa.column("previous_secret", sa.Text),
        sa.column("previous_until", sa.BigInteger),
        sa.column("previous_secrets", sa.JSON),
    )
    connection = op.get_bind()
    if "previous_until" not in _columns("endpoints"):  # what they held has been carried over
        op.drop_column("endpoints", "previous_secret")
        return
    replaced = endpoints.c.previous_secret.is_not(None), endpoints.c.previous_until.is_not(None)
    for row in connection.execute(sa.select(endpoints).where(*replaced)).all():
        kept = [{"secret": row.previous_secret, "until": row.previous_until}]
        connection.execute(endpoints.update().where(endpoints.c.id == row.id).values(previous_secrets=kept))
    if connection.dialect.name == "sqlite" and sqlite3.sqlite_version_info < (3, 35):
        return  # it can't; they are read no more
    op.drop_column("endpoints", "previous_until")
    op.drop_column("endpoints", "previous_secret")


def _keep_doubts() -> None:
    _create_table(
        "outbox_doubts",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("row_id", ROW_ID, nullable=False),
        sa.Column("chat", sa.String(128), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("passed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_doubts"),
        **OPTIONS,
    )
    _create_index("ix_outbox_doubts_session_id_chat", "outbox_doubts", ["session_id", "chat"])
    _create_index("ix_outbox_doubts_row_id", "outbox_doubts", ["row_id"])
    _create_table(
        "outbox_receipts",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("chat", sa.String(128), nullable=False),
        sa.Column("moment", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_receipts"),
        sa.UniqueConstraint("session_id", "message_id", name="uq_outbox_receipts_session_id_message_id"),
        **OPTIONS,
    )
    _create_index("ix_outbox_receipts_session_id_chat", "outbox_receipts", ["session_id", "chat"])
    # What was in doubt until now: uncertain, or to be sent again.
    _fill(
        "outbox_doubts",
        "INSERT INTO outbox_doubts (session_id, row_id, chat, began_at)"
        " SELECT session_id, id, chat, sending_at FROM outbox"
        " WHERE chat IS NOT NULL AND sending_at IS NOT NULL"
        " AND (state = 'uncertain' OR (state = 'queued' AND attempts > 0))"
    )


# MySQL commits each change of a table by itself, so what was cut off halfway has to be able to go on.


def _create_table(name: str, *columns: Any, **options: Any) -> None:
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *columns, **options)


def _create_index(name: str, table: str, columns: list[str]) -> None:
    if name not in _indexes(table):
        op.create_index(name, table, columns)


def _drop_index(name: str, table: str) -> None:
    if name in _indexes(table):
        op.drop_index(name, table)


def _fill(table: str, statement: str) -> None:
    """Run this INSERT, unless the table has rows already."""
    connection = op.get_bind()
    if connection.execute(sa.text(f"SELECT 1 FROM {table} LIMIT 1")).first() is None:
        connection.execute(sa.text(statement))


def _indexes(table: str) -> set[str]:
    return {str(index["name"]) for index in sa.inspect(op.get_bind()).get_indexes(table)}


def _columns(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
