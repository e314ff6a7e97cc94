"""A session in the database."""

import pytest

from flashapi.connections import Connections
from tests.workers.rows import add_session


@pytest.fixture
def session_id(connections: Connections) -> str:
    """A session's row, paired and wanted."""
    return add_session(connections)
