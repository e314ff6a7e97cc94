"""Whether this installation can do its work now."""

from typing import Any

import redis
import sqlalchemy as sa
import structlog

from flashapi import shards
from flashapi.errors import DatabaseUnavailable
from flashapi.models.sessions import sessions
from flashapi.services.backend import Backend

log = structlog.get_logger()


def examine(backend: Backend) -> dict[str, Any]:
    """What answers and what doesn't; `missing` is empty when everything does."""
    database = _database_answers(backend)
    unowned = _unowned_shards(backend)
    missing = [] if database else ["banco de dados"]
    if unowned is None:
        missing.append("Redis")
    for mode, without in (unowned or {}).items():
        if without:
            missing.append(f"worker de sessões {mode} (shards {', '.join(map(str, without))})")
    return {"database": database, "redis": unowned is not None, "unowned": unowned or {}, "missing": missing}


def _database_answers(backend: Backend) -> bool:
    try:
        with backend.connections.reading() as connection:
            connection.execute(sa.select(sessions.c.id).limit(1)).first()
    except DatabaseUnavailable:
        return False
    return True


def _unowned_shards(backend: Backend) -> dict[str, list[int]] | None:
    """The shards of each mode that nobody serves; None without Redis."""
    modes, numbers = backend.settings.modes, range(backend.settings.shards)
    try:
        owned = shards.epochs_of(backend.connections.redis, [(mode, number) for mode in modes for number in numbers])
    except redis.RedisError as error:
        log.warning("leases_unknown", error=str(error))
        return None
    return {mode: [number for number in numbers if (mode, number) not in owned] for mode in modes}
