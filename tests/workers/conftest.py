"""Session worker modules import neonize; it is loaded here as the worker process loads it."""

import gc
import sys
import warnings

import pytest

from workers import neonize_loader

if "neonize" not in sys.modules:
    with warnings.catch_warnings():
        # Its import leaves the pipe of an `uname` to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        neonize_loader.load(None)
        gc.collect()


@pytest.fixture
def session_id(connections):  # type: ignore[no-untyped-def]
    """A session's row, paired and wanted."""
    from tests.workers.rows import add_session

    return add_session(connections)
