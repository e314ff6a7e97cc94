"""Long reads in pieces that are soon over.

sqlite3's calls don't yield: while one of them runs, every request and every WebSocket of a web process stands still. So
what may have to look at very many rows looks at some at a time, along an index, and lets the others go on in between.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from flashapi.connections import Connections
from flashapi.indexes import along

ROWS = 1_000
"""How many rows are looked at in one go; a few more where several have the same value."""
COUNTED = 5_000
"""The same where the index alone is looked at."""
PAUSE_SECONDS = 0.001

Condition = sa.ColumnElement[bool]
Window = tuple[int | None, int | None]
"""The lowest and the highest value, both included; None where there is no end."""


def upwards(
    connections: Connections,
    column: sa.Column[Any],
    which: Sequence[Condition],
    low: int | None = None,
    high: int | None = None,
    *,
    rows: int | None = None,
) -> Iterator[Window]:
    """The rows between `low` and `high` in windows, the lowest first; an index over `which`, `column` is needed."""
    ascending = sa.select(column).order_by(column).limit(1).offset((rows or ROWS) - 1)
    while (last := _edge(connections, inside(ascending, column, which, (low, high)))) is not None:
        yield low, last
        low = last + 1
        time.sleep(PAUSE_SECONDS)
    yield low, high


def downwards(
    connections: Connections, column: sa.Column[Any], which: Sequence[Condition], high: int | None
) -> Iterator[Window]:
    """The rows up to `high` in windows, the highest first; an index over `which`, `column` is needed."""
    descending = sa.select(column).order_by(column.desc()).limit(1).offset(ROWS - 1)
    while (first := _edge(connections, inside(descending, column, which, (None, high)))) is not None:
        yield first, high
        high = first - 1
        time.sleep(PAUSE_SECONDS)
    yield None, high


def count(connections: Connections, column: sa.Column[Any], which: Sequence[Condition]) -> int:
    """How many rows there are; an index over `which`, `column` is needed."""
    total = 0
    for window in upwards(connections, column, which, rows=COUNTED):
        counted = inside(sa.select(sa.func.count()), column, which, window)
        with connections.reading() as connection:
            total += connection.scalar(counted) or 0
    return total


def inside(
    query: sa.Select[Any], column: sa.Column[Any], which: Sequence[Condition], window: Window
) -> sa.Select[Any]:
    """What the query finds in a window, by the index for it. Without conditions, or for one row, it needs no help."""
    named = {part for condition in which for part in iterate(condition) if isinstance(part, sa.Column)}
    query = query.where(*which, *within(column, window))
    return along(query, *named, column) if named and column not in named else query


def within(column: sa.Column[Any], window: Window) -> list[Condition]:
    """The conditions for a row to lie in a window."""
    low, high = window
    above = [] if low is None else [column >= low]
    return above if high is None else [*above, column <= high]


def _edge(connections: Connections, query: sa.Select[Any]) -> int | None:
    """The value at which the next window ends; None if what is left is less than one."""
    with connections.reading() as connection:
        found: int | None = connection.scalar(query)
    return found
