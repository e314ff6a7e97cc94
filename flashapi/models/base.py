"""What all tables share: names of constraints, column types that mean the same on SQLite and MySQL, the clock.

Times are whole milliseconds since the epoch, UTC. Models hold columns; rules live in `services`.
"""

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""An auto-incremented key: SQLite counts only in a column of exactly INTEGER."""

Millis = sa.BigInteger()
Bytes = sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
LongText = sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb")

OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
    "sqlite_autoincrement": True,
}
"""Binary collation, so that names and message ids are compared alike on both databases."""


def now_ms() -> int:
    """The wall clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
