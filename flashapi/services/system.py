"""The installation as a whole: what runs, what it was told, and removing by hand what is due."""

import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy.pool import QueuePool

from flashapi import cleaning
from flashapi.services import sessions, states
from flashapi.services.backend import Backend

STARTED_AT = time.monotonic()
SHOWN_OF_URL = 20


def status(backend: Backend, version: str) -> dict[str, Any]:
    """What this web process and the sessions are doing."""
    settings = backend.settings
    url = settings.global_webhook_url
    seen = states.look(backend, sessions.every(backend))
    webhook = {
        "enabled": bool(url),
        "url": f"{url[:SHOWN_OF_URL]}..." if url else None,
        "hasSecret": False,
    }
    return {
        "system": {
            "status": "online",
            **process(),
            "version": version,
            "environment": settings.environment,
        },
        "sessions": states.count(seen.values()),
        "webhook": {"global": webhook, "enabled": bool(url)},
        "websocket": {"enabled": settings.websocket, "clients": backend.hub.receivers},
        "database": {"mysql": _pool(backend)},
    }


def process() -> dict[str, Any]:
    """How long this web process has lived, in seconds, and the memory it has, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    return {"uptime": round(time.monotonic() - STARTED_AT, 3), "memory": {"rss": resident}}


def config(backend: Backend, version: str) -> dict[str, Any]:
    """What the installation was told, as far as it concerns its users."""
    settings = backend.settings
    return {
        "features": {"globalWebhook": bool(settings.global_webhook_url), "globalWebsocket": settings.websocket},
        "limits": {"rateLimitWindow": settings.rate_limit_window_ms, "rateLimitMax": settings.rate_limit_max},
        "environment": settings.environment,
        "version": version,
    }


def clean_up(backend: Backend) -> dict[str, int]:
    """Remove now what the installation's lifetimes have made due."""
    removed, buried = cleaning.clean(backend.connections, backend.settings)
    return {"messages": removed, "sessions": buried}


def _pool(backend: Backend) -> dict[str, int]:
    """The connections of this process to the database, whichever it is; the names are the contract's."""
    pool = backend.connections.engine.pool
    assert isinstance(pool, QueuePool)
    return {
        "totalConnections": pool.checkedin() + pool.checkedout(),
        "freeConnections": pool.checkedin(),
        "acquiringConnections": pool.checkedout(),
        "connectionLimit": pool.size(),
    }
