"""Sends whose COMMIT, or its answer, got lost on the way: what is told of them is what has become of them."""

import resource
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import settings as reading
from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.errors import CommitUnknown, DatabaseUnavailable
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session, show_connected, write
from tests.support import servers
from tests.support.severing import Loss, Severed, severed
from workers.migrations import migrate

PATH = "/api/chat/send-text"
TO = "5599999999999"
BODY = {"to": TO, "text": "oi", "linkPreview": False, "useQueue": True}


@dataclass
class World:
    """alice behind the proxy, and the same database without it."""

    alice: Owner
    backend: Backend
    proxy: Severed
    direct: Connections

    def queue(self, **options: Any) -> Any:
        return self.alice.post(PATH, json=BODY, **options)

    def rows(self) -> list[Any]:
        with self.direct.reading() as connection:
            return list(connection.execute(sa.select(outbox).order_by(outbox.c.id)))


@pytest.fixture
def world(mysql: dict[str, str], settings: Settings) -> Iterator[World]:
    variables = {
        **mysql, "MYSQL_DATABASE": f"flashapi_test_{uuid.uuid4().hex[:12]}", "DATA_DIR": str(settings.data_dir),
        "REDIS_URL": settings.redis_url, "GLOBAL_API_KEY": settings.global_api_key, "SANDBOX": "true",
        "WEBHOOK_SECRET_KEY": settings.webhook_secret_key,
    }  # fmt: skip
    told = reading.load(variables, None)
    migrate(told)
    direct = Connections(told)
    with severed(int(mysql["MYSQL_PORT"])) as proxy:
        app = create_app(reading.load(variables | {"MYSQL_PORT": str(proxy.port)}, None))
        backend: Backend = app.extensions[EXTENSION]
        alice = own_session(Caller(app.test_client(), told.global_api_key), "alice-vendas")
        write(backend, alice.id, paired=True)
        yield World(alice, backend, proxy, direct)
        backend.connections.close()
    direct.close()
    servers.drop_database(told.database_url)


def test_an_accepted_send_is_told_as_accepted(world: World) -> None:
    world.proxy.loss = Loss.ANSWER
    answer = world.queue()
    assert world.proxy.happened.is_set()
    assert (answer.status_code, [str(row.id) for row in world.rows()]) == (200, [answer.json["data"]["id"]])


def test_bulk_is_told_as_accepted(world: World) -> None:
    world.proxy.loss = Loss.ANSWER
    message = {"type": "text", "to": TO, "text": "oi"}
    answer = world.alice.post("/api/chat/send-bulk", json={"messages": [message] * 3})
    assert world.proxy.happened.is_set()
    assert answer.status_code == 200, answer.text
    assert [one["id"] for one in answer.json["data"]["messages"]] == [str(row.id) for row in world.rows()]


def test_a_send_that_was_not_accepted_is_told_so(world: World) -> None:
    world.proxy.loss = Loss.COMMIT
    answer = world.queue()
    assert world.proxy.happened.is_set()
    assert (answer.status_code, answer.headers["Retry-After"], world.rows()) == (503, "5", [])


def test_a_commit_that_comes_late_is_waited_for(world: World) -> None:
    """What is read before it is done would be: nothing was accepted."""
    world.proxy.loss = Loss.LATE
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(world.queue()))
    asking.start()
    assert world.proxy.happened.wait(20)
    servers.wait_until(lambda: waits_for_the_turn(world), "somebody waits for the session's turn")
    world.proxy.released.set()
    asking.join()
    assert (answers[0].status_code, len(world.rows())) == (200, 1)


def waits_for_the_turn(world: World) -> bool:
    which = "db = DATABASE() AND info LIKE '%sessions%FOR UPDATE'"
    query = f"SELECT COUNT(*) FROM information_schema.processlist WHERE {which}"
    with world.direct.reading() as connection:
        return bool(connection.scalar(sa.text(query)))


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "pedido-1"}], ids=["bare", "keyed"])
def test_what_cannot_be_read_is_told_as_unknown(world: World, headers: dict[str, str]) -> None:
    world.proxy.loss = Loss.EVERYTHING
    answer = world.queue(headers=headers)
    (row,) = world.rows()
    assert (answer.status_code, answer.json["reference"]) == (504, str(row.id))


def test_a_direct_send_goes_on(world: World) -> None:
    show_connected(world.backend, world.alice.id)
    world.proxy.loss = Loss.ANSWER

    def finish() -> None:
        """What the runner does with the row it finds."""
        servers.wait_until(world.rows, "the row is there")
        sent = {"chat": f"{TO}@s.whatsapp.net", "message_id": "3EB0", "message_timestamp": 7}
        with world.direct.transaction() as connection:
            connection.execute(outbox.update().values(state=SendState.SENT, finished_at=now_ms(), **sent))

    runner = threading.Thread(target=finish)
    runner.start()
    answer = world.alice.post(PATH, json=BODY | {"useQueue": False})
    runner.join()
    assert world.proxy.happened.is_set()
    assert answer.status_code == 200, answer.text
    assert (answer.json["data"]["id"], len(world.rows())) == ("3EB0", 1)


def test_only_a_commit_leaves_doubt(world: World) -> None:
    """What broke off before it was rolled back by the server."""
    kill = sa.text("KILL CONNECTION_ID()")
    with pytest.raises(DatabaseUnavailable) as caught, world.backend.connections.transaction() as connection:
        connection.execute(kill)
    assert not isinstance(caught.value, CommitUnknown)


def test_sqlite_leaves_no_doubt(settings: Settings) -> None:
    """A COMMIT that fails there, here for want of room, has committed nothing."""
    migrate(settings)
    connections = Connections(settings)
    row = {"session_id": "s", "action": "send_text", "recipient": TO, "payload": "x" * 200_000, "created_at": 0}
    with connections.transaction() as connection:
        connection.execute(outbox.insert(), row)
    log = settings.data_dir / "flashapi.sqlite-wal"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(DatabaseUnavailable) as caught, connections.transaction() as connection:
        connection.execute(outbox.insert(), row)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, limits[1]))
        written = True
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert written and not isinstance(caught.value, CommitUnknown)
    assert counted(connections) == 1
    connections.close()
    again = Connections(settings)
    assert counted(again) == 1
    again.close()


def counted(connections: Connections) -> int:
    with connections.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(outbox)) or 0)
