"""Messages in the order of their time; what goes by its age is found by it; every replaced webhook secret is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version's shape, with what they hold."""
    _order_messages_by_time()
    _find_by_age()
    _keep_each_previous_secret()


def downgrade() -> None:
    """Bring them back."""
    op.add_column("endpoints", sa.Column("previous_secret", sa.Text()))
    op.add_column("endpoints", sa.Column("previous_until", sa.BigInteger()))
    op.drop_column("endpoints", "previous_secrets")
    op.drop_index("ix_events_time", "events")
    op.drop_index("ix_calls_created_at", "calls")
    op.drop_index("ix_poll_votes_voted_at", "poll_votes")
    op.create_index("ix_messages_session_id_id", "messages", ["session_id", "id"])
    op.create_index("ix_messages_session_id_chat_id", "messages", ["session_id", "chat", "id"])
    op.drop_index("ix_messages_session_id_timestamp_id", "messages")
    op.drop_index("ix_messages_session_id_chat_timestamp_id", "messages")


def _order_messages_by_time() -> None:
    op.create_index("ix_messages_session_id_timestamp_id", "messages", ["session_id", "timestamp", "id"])
    op.create_index("ix_messages_session_id_chat_timestamp_id", "messages", ["session_id", "chat", "timestamp", "id"])
    op.drop_index("ix_messages_session_id_id", "messages")
    op.drop_index("ix_messages_session_id_chat_id", "messages")


def _find_by_age() -> None:
    op.create_index("ix_events_time", "events", ["time"])
    op.create_index("ix_calls_created_at", "calls", ["created_at"])
    op.create_index("ix_poll_votes_voted_at", "poll_votes", ["voted_at"])


def _keep_each_previous_secret() -> None:
    op.add_column("endpoints", sa.Column("previous_secrets", sa.JSON()))
    endpoints = sa.table(
        "endpoints",
        sa.column("id", sa.BigInteger),
        sa.column("previous_secret", sa.Text),
        sa.column("previous_until", sa.BigInteger),
        sa.column("previous_secrets", sa.JSON),
    )
    connection = op.get_bind()
    replaced = endpoints.c.previous_secret.is_not(None), endpoints.c.previous_until.is_not(None)
    for row in connection.execute(sa.select(endpoints).where(*replaced)).all():
        kept = [{"secret": row.previous_secret, "until": row.previous_until}]
        connection.execute(endpoints.update().where(endpoints.c.id == row.id).values(previous_secrets=kept))
    op.drop_column("endpoints", "previous_secret")
    op.drop_column("endpoints", "previous_until")
