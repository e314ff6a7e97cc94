"""The migrations make, from an empty database of either kind, the schema the code expects."""

import subprocess
import sys
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from flashapi.connections import Connections, create_engine
from flashapi.installation import SCHEMA, misfit
from flashapi.models import metadata
from flashapi.models.events import endpoints
from flashapi.models.contacts import contacts, known_people
from flashapi.models.installation import numbers
from flashapi.models.messages import messages
from flashapi.models.sessions import sessions
from flashapi.outbox_doubts import attempts_in
from flashapi.settings import Settings
from flashapi.shards import shard_of
from tests.workers.rows import add_session
from workers.migrations import FOLDER, MigrationRefused, migrate


def test_migrated_schema_is_that_of_the_models(connections: Connections) -> None:
    with connections.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(connections: Connections, database: Settings) -> None:
    with connections.transaction() as connection:
        connection.execute(sa.text("INSERT INTO installation (name, value) VALUES ('meia', '1')"))
    migrate(database)
    with connections.reading() as connection:
        assert connection.execute(sa.text("SELECT value FROM installation WHERE name = 'meia'")).scalar() == "1"


def test_a_migration_that_was_cut_off_goes_on(connections: Connections, database: Settings) -> None:
    """MySQL can't take back changes of tables: they are there, the note of them is not."""
    with connections.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(sa.text("DROP INDEX ix_events_time" + _of(connection, "events")))
        connection.execute(sa.text("DROP TABLE outbox_receipts"))
    migrate(database)
    assert misfit(connections, database) is None
    with connections.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def _of(connection: sa.Connection, table: str) -> str:
    return "" if connection.dialect.name == "sqlite" else f" ON {table}"


def test_the_migrated_database_fits(connections: Connections, database: Settings) -> None:
    assert misfit(connections, database) is None
    newest = ScriptDirectory(str(FOLDER)).get_current_head()
    assert newest == SCHEMA


def test_what_an_earlier_version_stored_is_kept(database: Settings) -> None:
    database.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(database, "0002")
    engine = create_engine(database.database_url, 1)
    row = {
        "session_id": "s", "chat": "c", "sender": "c", "from_me": False, "type": "conversation", "content": "{}",
        "raw": b"", "status": "received", "timestamp": 1, "created_at": 1,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(messages.insert(), [{**row, "message_id": str(number)} for number in range(3)])
        connection.execute(
            sa.text(
                "INSERT INTO endpoints"
                " (session_id, kind, url, enabled, secret, previous_secret, previous_until, created_at, updated_at)"
                " VALUES ('s', 'own', 'u', 1, 'new', 'old', 7, 1, 1), ('s', 'own', 'u', 1, 'new', NULL, NULL, 1, 1)"
            )
        )
    migrate(database)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(messages)) == 3
        previous = list(connection.scalars(sa.select(endpoints.c.previous_secrets).order_by(endpoints.c.id)))
        assert previous == [[{"secret": "old", "until": 7}], None]
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_what_was_known_to_all_of_a_number_is_kept_by_those_whose_contact_it_is(database: Settings) -> None:
    database.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(database, "0002")
    engine = create_engine(database.database_url, 1)
    people = [("a", "5511@s.whatsapp.net", "1@lid"), ("a", "2@lid", "2@lid"), ("b", "5522@s.whatsapp.net", None)]
    with engine.begin() as connection:
        for session, jid, lid in people:
            row = {"session_id": session, "jid": jid, "lid": lid, "created_at": 1, "updated_at": 1}
            connection.execute(contacts.insert(), row)
        shared = {"mode": "live", "asked": "5511", "jid": "5511@s.whatsapp.net", "lid": "1@lid", "checked_at": 1}
        connection.execute(numbers.insert(), shared)
    migrate(database)
    with engine.connect() as connection:
        found = sa.select(known_people.c.session_id, known_people.c.lid, known_people.c.jid)
        assert [tuple(row) for row in connection.execute(found)] == [("a", "1@lid", "5511@s.whatsapp.net")]
    engine.dispose()


def test_another_number_of_shards_spreads_the_sessions_anew(connections: Connections, database: Settings) -> None:
    ids = [add_session(connections) for _ in range(5)]
    fewer = replace(database, shards=3)
    assert "SHARDS is 3" in str(misfit(connections, fewer))
    migrate(fewer)
    assert misfit(connections, fewer) is None
    with connections.reading() as connection:
        placed = {row.id: row.shard for row in connection.execute(sa.select(sessions.c.id, sessions.c.shard))}
    assert placed == {each: shard_of(each, 3) for each in ids}


def test_sends_in_doubt_are_so_after_the_migration(database: Settings) -> None:
    """Those that are uncertain, and those that wait to go out again."""
    migrate(database, "0002")
    engine = create_engine(database.database_url, 1)
    began = {"uncertain": 1_000, "queued": 2_000, "sent": 3_000, "cancelled": 4_000}
    send = (
        "INSERT INTO outbox (session_id, action, recipient, payload, direct, `rank`, due_at, delay_ms, state, attempts,"
        " epoch, chat, created_at, sending_at)"
        " VALUES ('a', 'send_text', '5511', '{}', 0, 100, 0, 0, :state, 1, 1, 'bob@lid', 1, :moment)"
    )
    with engine.begin() as connection:
        for state, moment in began.items():
            connection.execute(sa.text(send), {"state": state, "moment": moment})
    migrate(database)
    with engine.connect() as connection:
        attempts = attempts_in(connection, "a", "bob@lid")
    engine.dispose()
    assert [each.began_at for each in attempts] == [1_000, 2_000]


def test_the_originals_database_is_left_alone(database: Settings) -> None:
    database.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(database)  # a MySQL database is made
    engine = create_engine(database.database_url, 1)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))
        connection.execute(sa.text("CREATE TABLE sessao (id INTEGER)"))
    with pytest.raises(MigrationRefused, match="Node FlashApi"):
        migrate(database)
    assert sa.inspect(engine).get_table_names() == ["sessao"]
    engine.dispose()


def test_processes_that_migrate_at_once_leave_one_schema(database: Settings) -> None:
    program = (
        "import sys; from flashapi import settings; from workers.migrations import migrate;"
        "migrate(settings.load({'DATABASE_URL': sys.argv[1], 'DATA_DIR': sys.argv[2]}, None))"
    )
    command = [sys.executable, "-c", program, database.database_url, str(database.data_dir)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    engine = create_engine(database.database_url, 1)
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
