"""Brings the database to this version's schema. Safe from several processes and machines at once: one does it, the
others wait for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import OperationalError

from flashapi.connections import create_engine
from flashapi.installation import SCHEMA, SHARDS, revision_of
from flashapi.models.installation import installation
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from flashapi.shards import shard_of

log = structlog.get_logger()

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
WAIT_SECONDS = 60
LOCK_NAME = "flashapi_migrate"
UNKNOWN_DATABASE = 1049
TABLE_OF_THE_ORIGINAL = "sessao"


class MigrationRefused(RuntimeError):
    """The database can't be brought to this version; the message says why."""


def migrate(settings: Settings, revision: str = "head") -> None:
    """Create what is missing, database included, and spread the sessions over SHARDS.

    Raises MigrationRefused, or SQLAlchemy's errors.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    else:
        _create_database(url)
    engine = create_engine(settings.database_url, 1, answer_within=None)  # an index over millions of rows takes a while
    try:
        with _alone(engine) as connection:
            before = revision_of(connection)
            if before is None and sa.inspect(connection).has_table(TABLE_OF_THE_ORIGINAL):
                raise MigrationRefused("this is the database of the Node FlashApi; give this one a database of its own")
            config = Config()
            config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            after = revision_of(connection)
            if after == SCHEMA:
                _spread_sessions(connection, settings.shards)
    finally:
        engine.dispose()
    log.info("database_migrated", dialect=engine.dialect.name, before=before, after=after)


def _spread_sessions(connection: sa.Connection, shards: int) -> None:
    """Give each session its shard anew if their number has changed."""
    stored = connection.scalar(sa.select(installation.c.value).where(installation.c.name == SHARDS))
    if stored == str(shards):
        return
    for row in connection.execute(sa.select(sessions.c.id)).all():
        connection.execute(sessions.update().where(sessions.c.id == row.id).values(shard=shard_of(row.id, shards)))
    connection.execute(installation.delete().where(installation.c.name == SHARDS))
    connection.execute(installation.insert().values(name=SHARDS, value=str(shards)))


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in a transaction that keeps other migrating processes out."""
    deadline = time.monotonic() + WAIT_SECONDS
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # DDL is transactional here, so the write lock is enough.
            while not _begin_immediate(connection):
                if time.monotonic() > deadline:
                    raise MigrationRefused(f"the database has been locked by another process for {WAIT_SECONDS} s")
                time.sleep(0.05)
            with connection.begin():
                yield connection
            return
        # DDL commits by itself in MySQL, so the lock is one of the server's, which ends with this connection.
        if not connection.execute(sa.text("SELECT GET_LOCK(:name, :wait)"), _lock_name(engine)).scalar():
            raise MigrationRefused(f"another process has been migrating for {WAIT_SECONDS} s")
        connection.commit()
        with connection.begin():
            yield connection
        connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), _lock_name(engine))
        connection.commit()


def _begin_immediate(connection: sa.Connection) -> bool:
    driver = connection.connection.dbapi_connection
    assert driver is not None
    try:
        driver.execute("BEGIN IMMEDIATE")
    except Exception as error:
        if "locked" in str(error):
            return False
        raise
    connection.info["begun"] = True  # flashapi.connections leaves out its own BEGIN then
    return True


def _lock_name(engine: sa.Engine) -> dict[str, str | int]:
    """Named after the database, since GET_LOCK's names belong to the whole server (64 characters at most)."""
    return {"name": f"{LOCK_NAME}.{engine.url.database}"[:64], "wait": WAIT_SECONDS}


def _create_database(url: sa.URL) -> None:
    """Create the MySQL database if the server doesn't have it."""
    engine = sa.create_engine(url)
    try:
        engine.connect().close()
    except OperationalError as error:
        if error.orig is None or error.orig.args[0] != UNKNOWN_DATABASE:
            raise
        server = sa.create_engine(url.set(database=""))
        name = server.dialect.identifier_preparer.quote(str(url.database))
        with server.begin() as connection:
            connection.execute(sa.text(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4"))
        server.dispose()
    finally:
        engine.dispose()
