"""Update a row, or add it where it isn't there: right also when two lanes or two sessions do it at this moment."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    identity: Mapping[str, Any],
    values: Mapping[str, Any],
    only_first: Mapping[str, Any] | None = None,
) -> None:
    """Give the row with this identity, which a unique key covers, these values; `only_first` only if it is new."""
    this = [table.c[name] == value for name, value in identity.items()]
    if connection.execute(table.update().where(*this).values(values)).rowcount:
        return
    first = {**identity, **values, **(only_first or {})}
    if connection.dialect.name == "sqlite":
        adding = sqlite.insert(table).values(first)
        connection.execute(adding.on_conflict_do_update(index_elements=list(identity), set_=dict(values)))
    else:
        connection.execute(mysql.insert(table).values(first).on_duplicate_key_update(dict(values)))
