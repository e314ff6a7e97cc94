"""What every service stands on, made once per web process by `create_app`."""

from dataclasses import dataclass

import structlog

from flashapi.connections import Connections
from flashapi.dispatch import Dispatcher
from flashapi.media.spool import Spool
from flashapi.outgoing import Fetcher
from flashapi.settings import Settings
from flashapi.streams import Hub


@dataclass(frozen=True)
class Backend:
    """The database, Redis, the door to the workers and the stream of events."""

    settings: Settings
    connections: Connections
    dispatcher: Dispatcher
    hub: Hub
    fetcher: Fetcher
    spool: Spool


def request_id() -> str | None:
    """The id of the request being served, to be handed on to jobs and rows."""
    return structlog.contextvars.get_contextvars().get("request_id")
