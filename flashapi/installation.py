"""Whether the database is the one that this version, with these settings, is to work on."""

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models.installation import installation
from flashapi.settings import Settings

SCHEMA = "0003"
"""The revision of the newest migration."""
SHARDS = "shards"
"""The row with the number of shards that the sessions are spread over."""


def misfit(connections: Connections, settings: Settings) -> str | None:
    """What is wrong with the database; None if nothing is. Raises DatabaseUnavailable."""
    with connections.reading() as connection:
        revision = revision_of(connection)
        if revision != SCHEMA:
            return f"the database has schema {revision or 'none'}, this version needs {SCHEMA}: run make migrate"
        shards = connection.scalar(sa.select(installation.c.value).where(installation.c.name == SHARDS))
    if shards != str(settings.shards):
        return f"SHARDS is {settings.shards}, but the sessions are spread over {shards}: stop all, run make migrate"
    return None


def revision_of(connection: sa.Connection) -> str | None:
    """The revision the migrations have left the database at; None before the first."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision
