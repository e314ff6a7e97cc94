"""Session worker modules import neonize; it is loaded here as the worker process loads it."""

import sys

import pytest

from workers import neonize_loader

if "neonize" not in sys.modules:
    neonize_loader.load(None)


@pytest.fixture
def session_id(connections):  # type: ignore[no-untyped-def]
    """A session's row, paired and wanted."""
    from tests.workers.rows import add_session

    return add_session(connections)
