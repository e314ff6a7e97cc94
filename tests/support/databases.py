"""The variables that give an installation a database of its own, of either kind."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.installation import Installation
from tests.support.servers import drop_database, mysql_server

KINDS = ("sqlite", "mariadb")


@contextmanager
def database_of(kind: str) -> Iterator[dict[str, str]]:
    """For SQLite none: it is the default. A MariaDB is started if MYSQL_HOST names none. Raises NoServer."""
    if kind == "sqlite":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="flashapi-mariadb-") as folder, mysql_server(Path(folder)) as variables:
        name = f"flashapi_{uuid.uuid4().hex[:12]}"
        yield variables | {"MYSQL_DATABASE": name}
        drop_database(url_of(variables | {"MYSQL_DATABASE": name}))


def database_url(running: Installation) -> str:
    """The database of a running installation."""
    if "MYSQL_HOST" in running.environ:
        return url_of(running.environ)
    return f"sqlite:///{running.data_dir / 'flashapi.sqlite'}"


def url_of(variables: dict[str, str]) -> str:
    """The database as SQLAlchemy names it."""
    who = f"{variables['MYSQL_USER']}:{variables.get('MYSQL_PASSWORD', '')}"
    where = f"{variables['MYSQL_HOST']}:{variables['MYSQL_PORT']}"
    return f"mysql+pymysql://{who}@{where}/{variables['MYSQL_DATABASE']}?charset=utf8mb4"
