"""The application on a database and a Redis of its own, and its actors.

alice and bob own a session each, charlie has no key.
"""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import flask_smorest
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from flashapi import shards
from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.models.sessions import State, sessions
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from workers.migrations import migrate

GLOBAL_KEY = "chave-global-de-teste"


class Caller:
    """Somebody with a key, or without one."""

    def __init__(self, client: FlaskClient, key: str | None, **headers: str) -> None:
        self.client = client
        self.key = key
        self.headers = headers if key is None else {"apikey": key, **headers}

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request with the key."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, buffered=True, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.call("DELETE", path, **options)


class Owner(Caller):
    """The holder of one session's key."""

    def __init__(self, client: FlaskClient, created: dict[str, Any]) -> None:
        super().__init__(client, created["apikey"])
        self.id: str = created["id"]
        self.name: str = created["name"]


@pytest.fixture(scope="module", autouse=True)
def without_openapi(request: pytest.FixtureRequest) -> Iterator[None]:
    """Describing the routes takes two thirds of the time of making an application, and each test makes its own."""
    if request.node.get_closest_marker("openapi"):
        yield
    else:
        with mock.patch.object(flask_smorest.Blueprint, "register_views_in_doc"):
            yield


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The web tier, its database migrated from empty."""
    migrate(settings)
    made = create_app(settings)
    yield made
    backend: Backend = made.extensions[EXTENSION]
    backend.connections.close()


@pytest.fixture
def app_on_each(database: Settings, connections: Connections) -> Iterator[Flask]:
    """The same once on SQLite and once on MariaDB."""
    made = create_app(database)
    yield made
    made.extensions[EXTENSION].connections.close()


@pytest.fixture
def backend(app: Flask) -> Backend:
    """What the application's services stand on."""
    made: Backend = app.extensions[EXTENSION]
    return made


@pytest.fixture
def root(app: Flask) -> Caller:
    """The holder of the global key."""
    return Caller(app.test_client(), GLOBAL_KEY)


@pytest.fixture
def charlie(app: Flask) -> Caller:
    """Has no key at all."""
    return Caller(app.test_client(), None)


@pytest.fixture
def alice(root: Caller) -> Owner:
    """Owns the session `alice-vendas`."""
    return own_session(root, "alice-vendas")


@pytest.fixture
def linked_alice(database: Settings, connections: Connections) -> Iterator[Owner]:
    """Alice's session, linked to a phone and not connected, on either database."""
    made = create_app(database)
    owner = own_session(Caller(made.test_client(), database.global_api_key), "alice-vendas")
    with connections.transaction() as connection:
        connection.execute(sessions.update().values(paired=True))
    yield owner
    opened: Backend = made.extensions[EXTENSION]
    opened.connections.close()


@pytest.fixture
def bob(root: Caller) -> Owner:
    """Owns the session `bob-suporte`."""
    return own_session(root, "bob-suporte")


def own_session(root: Caller, name: str, **fields: Any) -> Owner:
    """A new sandbox session and its owner."""
    answer = root.post("/api/session/create_sessao", json={"nome_sessao": name, "sandbox": True, **fields})
    assert answer.status_code == 200, answer.text
    return Owner(root.client, answer.json["dados"])


def row_of(backend: Backend, session_id: str) -> Any:
    """The session's row, also of a tombstone; None if there is none."""
    with backend.connections.reading() as connection:
        return connection.execute(sa.select(sessions).where(sessions.c.id == session_id)).first()


def write(backend: Backend, session_id: str, **values: Any) -> None:
    """Change the session's row, as its worker would."""
    with backend.connections.transaction() as connection:
        connection.execute(sessions.update().where(sessions.c.id == session_id).values(values))


def hold_lease(backend: Backend, session_id: str) -> shards.Lease:
    """Own the session's shard for a lease's life, without working for it."""
    row = row_of(backend, session_id)
    lease = shards.claim(backend.connections.redis, row.mode, row.shard, shards.new_identity())
    assert lease is not None
    return lease


def show_connected(backend: Backend, session_id: str) -> shards.Lease:
    """Make the session's row say what it says while its worker is connected."""
    lease = hold_lease(backend, session_id)
    write(
        backend,
        session_id,
        state=State.CONNECTED,
        state_epoch=lease.epoch,
        wanted="running",
        paired=True,
        phone="5521988887777",
        last_connected_at=1_764_000_000_000,
    )
    return lease
