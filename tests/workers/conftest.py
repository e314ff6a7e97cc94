"""Session worker modules import neonize."""

import pytest

from flashapi.connections import Connections
from tests.support.loading import load_neonize

load_neonize()


@pytest.fixture
def session_id(connections: Connections) -> str:
    """A session's row, paired and wanted."""
    from tests.workers.rows import add_session

    return add_session(connections)
