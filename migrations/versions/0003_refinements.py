"""Messages in the order of their time; what goes by its age is found by it."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version's shape, with what they hold."""
    _order_messages_by_time()
    _find_by_age()


def downgrade() -> None:
    """Bring them back."""
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
    op.create_index("ix_calls_created_at", "calls", ["created_at"])
    op.create_index("ix_poll_votes_voted_at", "poll_votes", ["voted_at"])
