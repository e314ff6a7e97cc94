"""Adding rows that may be there already."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


def insert_if_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Add the row, unless a unique key says that it is there."""
    verb = "OR IGNORE" if connection.dialect.name == "sqlite" else "IGNORE"
    connection.execute(table.insert().prefix_with(verb), row)
