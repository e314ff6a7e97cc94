"""Waiting for what a worker can't do without: its database, in the shape it knows."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.installation import misfit
from flashapi.settings import Settings

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 1.0
DATABASE_PAUSE_SECONDS = 0.5
FAULT_PAUSE_SECONDS = 5.0
UNBINDABLE = "Error binding parameter"
"""How sqlite3 begins to say, by an error it also uses for broken SQL, that a value is of no type it knows."""

T = TypeVar("T")


def wait_for_installation(connections: Connections, settings: Settings, stopping: threading.Event) -> bool:
    """Wait until the database is there and fits; False if the process is to stop before."""
    told = None
    while not stopping.is_set():
        try:
            wrong = misfit(connections, settings)
        except DatabaseUnavailable as error:
            wrong = f"the database is away: {error.__cause__}"
        if wrong is None:
            return True
        if wrong != told:
            log.error("worker_waits", reason=wrong)
            told = wrong
        stopping.wait(LOOK_EVERY_SECONDS)
    return False


def persistently(action: Callable[[], T]) -> T:
    """Do it, waiting as long as the database is away."""
    while True:
        try:
            return action()
        except DatabaseUnavailable as error:
            log.warning("database_away", retry_seconds=DATABASE_PAUSE_SECONDS, error=str(error.__cause__))
            time.sleep(DATABASE_PAUSE_SECONDS)


def patiently(action: Callable[[], T]) -> T:
    """Do it, waiting as long as the database is away, or it or the machine is at fault otherwise.

    What is wrong with the values that were to be written is raised, as is every other failure of the action itself.
    """
    while True:
        try:
            return persistently(action)
        except (DBAPIError, OSError, MemoryError) as error:
            if isinstance(error, DBAPIError) and _is_of_the_values(error):
                raise
            log.exception("database_at_fault", retry_seconds=FAULT_PAUSE_SECONDS)
            time.sleep(FAULT_PAUSE_SECONDS)


def _is_of_the_values(error: DBAPIError) -> bool:
    return isinstance(error, (DataError, IntegrityError)) or str(error.orig).startswith(UNBINDABLE)
