"""Whole installations, shared by the tests of a module where one suffices."""

import uuid
from collections.abc import Iterator

import pytest

from tests.support.databases import KINDS, database_of
from tests.support.groups import GROUP_EVENTS, People
from tests.support.installation import Installation
from tests.support.listeners import SocketListener
from tests.support.servers import NoServer

ALL_EVENTS = [
    "qr_updated", "session_connected", "session_disconnected", "message_received", "message_update", "presence_update",
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One running installation for the whole module."""
    with Installation(tmp_path_factory.mktemp("installation")) as running:
        yield running.start()


@pytest.fixture
def name() -> str:
    """A session name nobody else has."""
    return f"sessao-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def people(installation: Installation) -> People:
    """Two sessions and their friends, for tests of groups."""
    return People(installation)


@pytest.fixture
def alice_hears(people: People) -> Iterator[SocketListener]:
    """What the first session is told of groups."""
    with SocketListener(people.installation.base, people.first.key, events=GROUP_EVENTS) as socket:
        yield socket


@pytest.fixture
def bob_hears(people: People) -> Iterator[SocketListener]:
    """What the second session is told of groups."""
    with SocketListener(people.installation.base, people.second.key, events=GROUP_EVENTS) as socket:
        yield socket


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One installation per database for the tests that leave it as it was."""
    try:
        with database_of(request.param) as variables:
            folder = tmp_path_factory.mktemp(f"fila-{request.param}")
            with Installation(folder, variables | {"RATE_LIMIT_MAX_REQUESTS": "100000"}) as started:
                yield started.start()
    except NoServer as reason:
        pytest.skip(str(reason))
