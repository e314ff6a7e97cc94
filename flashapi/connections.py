"""The two connections everything stands on: the database (the truth) and Redis (the speed). No Flask here.

Writing transactions go through `transaction()`. On SQLite each is BEGIN IMMEDIATE with a driver timeout of 0, and
the wait for another writer happens here, in `time.sleep`, which is cooperative in the gevent web tier: the driver's
own busy wait would stop every request of the process.
"""

import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import redis
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError

from flashapi.errors import CommitUnknown, DatabaseUnavailable
from flashapi.settings import Settings

LOCK_WAIT_SECONDS = 5.0
IDLE_SECONDS = 1.0
"""A connection to the server that was not used for so long is looked at before it is."""
_USED = "used"
SCHEMA_ERRORS = ("no such table", "no such column", "no column named", "Unknown column")
"""OperationalErrors that waiting doesn't mend: a migration is missing."""


class Connections:
    """The engine and the Redis client of one process."""

    def __init__(self, settings: Settings) -> None:
        self.engine = create_engine(settings.database_url, settings.database_pool)
        self.redis = create_redis(settings)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reads; a database out of reach raises DatabaseUnavailable."""
        with _truthful(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sa.Connection]:
        """A writing transaction, begun only once the write lock is ours, for at most LOCK_WAIT_SECONDS.

        Committed at the end of the block, rolled back if it raises. `durable` makes SQLite sync the log to the disk
        before the commit returns, which is how a queued send is accepted. Do no I/O inside.

        Raises DatabaseUnavailable, and then nothing was written; or CommitUnknown.
        """
        with _truthful(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                _take_write_lock(connection, durable)
            done = False
            try:
                with connection.begin():
                    yield connection
                    done = True
            except DBAPIError as error:
                if done and _leaves_doubt(error, self.engine.dialect.name):
                    raise CommitUnknown() from error
                raise

    @contextmanager
    def part(self) -> Iterator[sa.Connection]:
        """A transaction that is one of many. On SQLite the write lock then stays free for as long as it was held.

        Who waits for the lock looks for it now and then, and would find it taken again each time.
        """
        with self.transaction() as connection:
            began = time.monotonic()
            yield connection
        if self.engine.dialect.name == "sqlite":
            time.sleep(time.monotonic() - began)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        self.redis.close()


def create_engine(url: str, pool_size: int = 20, answer_within: int | None = 30) -> sa.Engine:
    """An engine with this project's rules for SQLite (WAL, explicit BEGIN) and MySQL/MariaDB (UTC, strict).

    `pool_size` is how many connections to the server there may be at a time; who needs another waits, for 30 s at most.
    `answer_within` is for how many seconds an answer of a MySQL server is waited for; None for as long as it takes.

    Its exceptions show no parameters: those are message texts and hashes of keys, and exceptions are logged.
    """
    if url.startswith("sqlite"):
        engine = sa.create_engine(
            url,
            connect_args={"timeout": 0, "check_same_thread": False},
            pool_size=pool_size,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        hide_parameters=True,
        max_overflow=0,
        pool_recycle=1_800,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 5, "read_timeout": answer_within, "write_timeout": answer_within},
    )
    event.listen(engine, "connect", _prepare_mysql)
    event.listen(engine, "connect", _note_use)
    event.listen(engine, "checkout", partial(_see_that_it_lives, engine.dialect))
    event.listen(engine, "checkin", _note_use)
    return engine


def create_redis(settings: Settings, **options: Any) -> "redis.Redis":
    """A Redis client without a read timeout, since redis-py's default of 5 s ends every longer blocking call.

    Each caller that waits for a job holds a connection, and redis-py's default pool refuses the 101st.
    """
    options = {
        "socket_timeout": None,
        "socket_connect_timeout": 5,
        "health_check_interval": 30,
        "max_connections": 10_000,
        **options,
    }
    if settings.redis_url:
        return redis.Redis.from_url(settings.redis_url, **options)
    return redis.Redis(unix_socket_path=str(settings.redis_socket), **options)


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy's BEGIN is ours to write
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            dbapi_connection.execute("PRAGMA journal_mode=WAL")
            break
        except Exception as error:  # the switch needs a moment alone with the file
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    dbapi_connection.execute("PRAGMA synchronous=NORMAL")
    dbapi_connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    if not connection.info.pop("begun", False):
        connection.exec_driver_sql("BEGIN")


def _take_write_lock(connection: sa.Connection, durable: bool) -> None:
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    pause = 0.001
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
            break
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise OperationalError("BEGIN IMMEDIATE", None, error) from error
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.5, 0.05)
    connection.info["begun"] = True


def _prepare_mysql(dbapi_connection: Any, _record: Any) -> None:
    with dbapi_connection.cursor() as cursor:
        cursor.execute("SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")
        cursor.execute("SET innodb_lock_wait_timeout=5")


def _see_that_it_lives(dialect: sa.Dialect, dbapi_connection: Any, record: Any, _fairy: Any) -> None:
    """Look at a connection that has been idle before it is used: the server may have closed it.

    SQLAlchemy's `pool_pre_ping` asks each time, which is every tenth question to the server while messages are sent.
    """
    if time.monotonic() - record.info.get(_USED, -math.inf) < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(dbapi_connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError() from error


def _note_use(_dbapi_connection: Any, record: Any) -> None:
    record.info[_USED] = time.monotonic()


def is_out_of_reach(error: DBAPIError) -> bool:
    """Whether this says the database can't serve now, as opposed to refusing what was asked of it."""
    if isinstance(error, OperationalError):
        return not any(text in str(error.orig) for text in SCHEMA_ERRORS)
    return error.connection_invalidated


def _leaves_doubt(error: DBAPIError, dialect: str) -> bool:
    """Whether this failure of a COMMIT may be that of its answer alone.

    SQLite commits in this process: readers go by the index of the write-ahead log, which is changed last, after the log
    was written and, where that is asked for, synced. So a COMMIT that raises (locked, disk full, I/O error) has
    committed nothing that anybody sees. Across a connection the server may have committed before its answer got lost.
    """
    return dialect != "sqlite" and is_out_of_reach(error)


@contextmanager
def _truthful() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if is_out_of_reach(error):
            raise DatabaseUnavailable() from error
        raise
    except sa.exc.TimeoutError as error:
        raise DatabaseUnavailable() from error
