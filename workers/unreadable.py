"""Events that were set aside because nobody understood them, tried again by a newer version.

Safe beside running workers: they go on setting aside, in a new file. What still isn't understood is set aside anew.
"""

import structlog

from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.installation import misfit
from flashapi.models.sessions import Mode
from flashapi.settings import Settings
from workers import journal
from workers.inbound import Inbound

log = structlog.get_logger()

CLOSE_SECONDS = 5.0


def replay(settings: Settings) -> str | None:
    """Store what can be stored now; what keeps from trying, None if nothing."""
    connections = Connections(settings)
    try:
        wrong = misfit(connections, settings)
        if wrong is not None:
            return wrong
        for mode in Mode:
            _replay_mode(settings, connections, mode)
    except DatabaseUnavailable as error:
        return f"the database is away: {error.__cause__}"
    finally:
        connections.close()
    return None


def _replay_mode(settings: Settings, connections: Connections, mode: Mode) -> None:
    folder = settings.data_dir / "journal" / mode
    taken = journal.take_unreadable(folder)
    if taken is None:
        return
    own = journal.Journal(folder)
    inbound = Inbound(connections, own)
    try:
        entries = inbound.replay(taken)
    finally:
        inbound.close(CLOSE_SECONDS)
        own.close()
    log.info("unreadable_replayed", mode=mode.value, entries=entries, still_unreadable=own.aside)
