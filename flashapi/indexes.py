"""Which index a query goes along, where MariaDB would go astray."""

from typing import Any

import sqlalchemy as sa


def along(query: sa.Select[Any], *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Begin at a place of the index that starts with these columns, the last after the others. LookupError without one.

    Of `a = ? AND b < ? ORDER BY b DESC LIMIT ?` over an index (a, b) MariaDB may see the equality alone (`ref` in
    EXPLAIN) and read all rows of that `a` up to the place. Told to use the index, it begins at the place (`range`).
    """
    table, last = columns[-1].table, columns[-1]
    indexes: list[sa.Index | sa.UniqueConstraint] = [*table.indexes]
    indexes += [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    for index in indexes:
        start = list(index.columns)[: len(columns)]
        if set(start) == set(columns) and start[-1] is last:
            hint = f"FORCE INDEX ({index.name})"
            return query.with_hint(table, hint, "mysql").with_hint(table, hint, "mariadb")
    raise LookupError(f"no index over {', '.join(str(column) for column in columns)}")
