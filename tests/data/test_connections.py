"""Transactions mean the same on SQLite and on MariaDB: all or nothing, one after another, honest when they can't."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from flashapi import connections as module
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.models.installation import installation
from flashapi.settings import Settings
from tests.support.servers import free_port
from workers.migrations import migrate


def read(connections: Connections, name: str) -> str | None:
    with connections.reading() as connection:
        found: str | None = connection.execute(
            sa.select(installation.c.value).where(installation.c.name == name)
        ).scalar()
        return found


def write(connections: Connections, name: str, value: str) -> None:
    with connections.transaction() as connection:
        connection.execute(installation.insert(), {"name": name, "value": value})


def test_what_raises_is_rolled_back(connections: Connections) -> None:
    with pytest.raises(KeyError), connections.transaction() as connection:
        connection.execute(installation.insert(), {"name": "meia", "value": "1"})
        raise KeyError
    assert read(connections, "meia") is None
    write(connections, "inteira", "1")
    assert read(connections, "inteira") == "1"


@pytest.mark.parametrize("durable", [False, True])
def test_a_counter_loses_no_step_to_writers_at_once(connections: Connections, durable: bool) -> None:
    write(connections, "contador", "0")

    def step() -> None:
        for _ in range(10):
            with connections.transaction(durable=durable) as connection:
                row = installation.c.name == "contador"
                locked = sa.select(installation.c.value).where(row).with_for_update()
                value = int(connection.execute(locked).scalar_one())
                connection.execute(installation.update().where(row).values(value=str(value + 1)))

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(connections, "contador") == "40"


def test_a_broken_rule_is_not_an_outage(connections: Connections) -> None:
    write(connections, "unica", "1")
    with pytest.raises(IntegrityError):
        write(connections, "unica", "2")


def test_text_keeps_its_case_and_its_emojis(connections: Connections) -> None:
    write(connections, "Nome", "Olá! 😄")
    assert read(connections, "Nome") == "Olá! 😄"
    assert read(connections, "nome") is None


def test_a_sqlite_lock_that_is_not_given_back_is_an_outage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(settings)
    connections = Connections(settings)
    monkeypatch.setattr(module, "LOCK_WAIT_SECONDS", 0.2)
    with connections.transaction():
        with pytest.raises(DatabaseUnavailable):
            write(connections, "tarde", "1")
        assert read(connections, "tarde") is None, "readers don't wait"
    write(connections, "tarde", "1")
    connections.close()


def test_a_server_that_is_away_is_an_outage(settings: Settings) -> None:
    nobody = replace(settings, database_url=f"mysql+pymysql://root@127.0.0.1:{free_port()}/flashapi")
    away = Connections(nobody)
    with pytest.raises(DatabaseUnavailable), away.reading():
        pass
    away.close()


def test_a_process_has_no_more_connections_than_it_was_told(database: Settings) -> None:
    if database.database_url.startswith("sqlite"):
        pytest.skip("the limit is for servers")
    migrate(database)
    told = Connections(replace(database, database_pool=2))
    here, go = threading.Barrier(3), threading.Event()
    ended = []

    def hold(wait: bool) -> None:
        with told.reading() as connection:
            connection.execute(sa.text("SELECT 1"))
            if wait:
                here.wait(10)
                go.wait(10)
        ended.append(wait)

    threads = [threading.Thread(target=hold, args=(wait,)) for wait in (True, True, False, False)]
    for thread in threads[:2]:
        thread.start()
    here.wait(10)
    for thread in threads[2:]:
        thread.start()
        thread.join(0.3)
    assert ended == [], "a third one had to wait"
    go.set()
    for thread in threads:
        thread.join()
    assert len(ended) == 4
    told.close()


@pytest.mark.parametrize("idle_seconds, outage", [(0.0, False), (60.0, True)])
def test_a_connection_that_the_server_has_closed_is_found_out(
    database: Settings, monkeypatch: pytest.MonkeyPatch, idle_seconds: float, outage: bool
) -> None:
    if database.database_url.startswith("sqlite"):
        pytest.skip("it is about servers")
    migrate(database)
    monkeypatch.setattr(module, "IDLE_SECONDS", idle_seconds)
    ours, killer = Connections(replace(database, database_pool=1)), Connections(database)
    with ours.reading() as connection:
        number = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one()
    with killer.reading() as connection:
        connection.execute(sa.text(f"KILL {number}"))
    if outage:  # it was in use just now: that it is gone is seen when it is used, and told
        with pytest.raises(DatabaseUnavailable), ours.reading() as connection:
            connection.execute(sa.text("SELECT 1"))
    with ours.reading() as connection:
        assert connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one() != number
    ours.close()
    killer.close()
