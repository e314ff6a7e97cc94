"""Contacts and groups."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
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
    """Create the tables."""
    op.create_table(
        "contacts",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("jid", sa.String(128), nullable=False),
        sa.Column("lid", sa.String(128)),
        sa.Column("name", sa.String(255)),
        sa.Column("push_name", sa.String(255)),
        sa.Column("verified_name", sa.String(255)),
        sa.Column("picture_url", sa.Text()),
        sa.Column("about", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("session_id", "jid", name="uq_contacts_session_id_jid"),
        **OPTIONS,
    )
    op.create_index("ix_contacts_session_id_lid", "contacts", ["session_id", "lid"])
    op.create_table(
        "groups",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("jid", sa.String(128), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("subject_by", sa.String(128)),
        sa.Column("subject_by_lid", sa.String(128)),
        sa.Column("subject_at", sa.BigInteger()),
        sa.Column("owner", sa.String(128)),
        sa.Column("owner_lid", sa.String(128)),
        sa.Column("founded_at", sa.BigInteger()),
        sa.Column("description", sa.Text()),
        sa.Column("description_by", sa.String(128)),
        sa.Column("description_by_lid", sa.String(128)),
        sa.Column("description_at", sa.BigInteger()),
        sa.Column("description_id", sa.String(64)),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("announce", sa.Boolean(), nullable=False),
        sa.Column("ephemeral_seconds", sa.Integer()),
        sa.Column("parent", sa.String(128)),
        sa.Column("is_community", sa.Boolean(), nullable=False),
        sa.Column("participants", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("session_id", "jid", name="uq_groups_session_id_jid"),
        **OPTIONS,
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("groups", "contacts"):
        op.drop_table(table)
