"""What the runs of the send queue share: an installation on either database, and how times are taken."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.measure import fresh_installation
from tests.support.databases import database_of, url_of
from tests.support.installation import Installation


@contextmanager
def installation(kind: str, **environ: str) -> Iterator[tuple[Installation, str]]:
    """A running installation on this database, and the database's URL."""
    limits = {"RATE_LIMIT_MAX_REQUESTS": "1000000"}
    with database_of(kind) as variables, fresh_installation(**variables, **limits, **environ) as running:
        url = url_of(variables) if variables else f"sqlite:///{running.data_dir / 'flashapi.sqlite'}"
        yield running, url


def median_seconds(action: Callable[[], object], times: int = 60) -> float:
    """The median of so many calls."""
    return statistics.median(seconds(action) for _ in range(times))


def seconds(action: Callable[[], object]) -> float:
    """What one call takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def yes_or_no(good: bool) -> str:
    """As it stands in a table."""
    return "yes" if good else "NO"
