"""Fixtures for all tests: a real Redis, settings in a folder of their own, the database on SQLite and on MariaDB."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from flashapi import settings as reading
from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.support import servers
from tests.support.installation import Installation
from tests.support.loading import load_neonize
from workers.migrations import migrate

load_neonize()  # before any test module imports what needs it

LONGEST = ("e2e", "sandbox", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that processes side by side end at about the same time."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that belongs to this test run; `settings` flushes it before each test."""
    with servers.running_redis(tmp_path_factory.mktemp("redis")) as socket:
        yield f"unix://{socket}"


@pytest.fixture(scope="session")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a MySQL or MariaDB; skips where there is none."""
    with ExitStack() as stack:
        try:
            variables = stack.enter_context(servers.mysql_server(tmp_path_factory.mktemp("mysql")))
        except servers.NoServer as reason:
            pytest.skip(str(reason))
        yield variables


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    """An installation of its own on SQLite, with an empty Redis."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return reading.load(
        {
            "DATA_DIR": str(tmp_path / "data"),
            "REDIS_URL": valkey,
            "GLOBAL_API_KEY": "chave-global-de-teste",
            "GLOBAL_WEBSOCKET_SECRET": "segredo-global-de-teste",
            "WEBHOOK_SECRET_KEY": "chave-dos-webhooks-de-teste",
            "SANDBOX": "true",
        },
        None,
    )


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Settings]:
    """Settings for an empty database of each kind, its schema not made yet."""
    if request.param == "sqlite":
        yield settings
        return
    name = f"flashapi_test_{uuid.uuid4().hex[:12]}"
    variables = request.getfixturevalue("mysql") | {"MYSQL_DATABASE": name}
    found = reading.load(
        {**variables, "DATA_DIR": str(settings.data_dir), "REDIS_URL": settings.redis_url,
         "GLOBAL_API_KEY": settings.global_api_key, "WEBHOOK_SECRET_KEY": settings.webhook_secret_key,
         "SANDBOX": "true"},
        None,
    )
    yield found
    servers.drop_database(found.database_url)


@pytest.fixture
def connections(database: Settings) -> Iterator[Connections]:
    """The database, migrated from empty, and Redis: once on SQLite and once on MariaDB."""
    migrate(database)
    opened = Connections(database)
    yield opened
    opened.close()


@pytest.fixture
def make_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Installation]]:
    """Makes installations that are ended with the test; keywords become environment variables."""
    folder = tmp_path_factory.mktemp("i")  # a short path, for Unix sockets are to lie in it
    with ExitStack() as stack:

        def make(name: str = "one", **environ: str) -> Installation:
            return stack.enter_context(Installation(folder / name, environ))

        yield make
