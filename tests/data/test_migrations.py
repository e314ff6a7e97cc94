"""The migrations make, from an empty database of either kind, the schema the code expects."""

import subprocess
import sys

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from flashapi.connections import Connections, create_engine
from flashapi.models import metadata
from flashapi.settings import Settings
from workers.migrations import migrate


def test_migrated_schema_is_that_of_the_models(connections: Connections) -> None:
    with connections.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(connections: Connections, database: Settings) -> None:
    with connections.transaction() as connection:
        connection.execute(sa.text("INSERT INTO installation (name, value) VALUES ('shards', '16')"))
    migrate(database)
    with connections.reading() as connection:
        assert connection.execute(sa.text("SELECT value FROM installation")).scalar() == "16"


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
