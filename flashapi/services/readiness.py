"""Whether this installation can do its work now."""

from typing import Any

import redis
import structlog

from flashapi import installation, shards
from flashapi.errors import DatabaseUnavailable
from flashapi.services.backend import Backend

log = structlog.get_logger()


def examine(backend: Backend) -> dict[str, Any]:
    """What answers and what doesn't; `missing` is empty when everything does."""
    found: dict[str, Any] = {"database": False, "redis": False, "webhooks": False, "unowned": {}, "missing": []}
    missing = found["missing"]
    try:
        if misfit := installation.misfit(backend.connections, backend.settings):
            missing.append(f"banco de dados ({misfit})")
        else:
            found["database"] = True
    except DatabaseUnavailable:
        missing.append("banco de dados")
    try:
        found["unowned"] = _unowned_shards(backend)
        found["webhooks"] = bool(backend.connections.redis.exists(shards.WEBHOOK_WORKER_KEY))
    except redis.RedisError as error:
        log.warning("leases_unknown", error=str(error))
        missing.append("Redis")
        return found
    found["redis"] = True
    for mode, without in found["unowned"].items():
        if without:
            missing.append(f"worker de sessões {mode} (shards {', '.join(map(str, without))})")
    if not found["webhooks"]:
        missing.append("worker de webhooks")
    return found


def _unowned_shards(backend: Backend) -> dict[str, list[int]]:
    """The shards of each mode that nobody serves. Raises RedisError."""
    modes, numbers = backend.settings.modes, range(backend.settings.shards)
    owned = shards.epochs_of(backend.connections.redis, [(mode, number) for mode in modes for number in numbers])
    return {mode: [number for number in numbers if (mode, number) not in owned] for mode in modes}
