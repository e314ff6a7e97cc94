"""Runs the migrations against the database that flashapi.settings names.

`workers.migrations` hands the connection in, already holding whatever lock keeps two processes apart; the plain
`alembic` command, for those who write a migration, opens one here.
"""

from alembic import context
from sqlalchemy import Connection

from flashapi import settings
from flashapi.connections import create_engine
from flashapi.models import metadata


def run(connection: Connection) -> None:
    """Bring the schema behind this connection to the version asked for."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(settings.load().database_url).connect() as opened:
        run(opened)
        opened.commit()
