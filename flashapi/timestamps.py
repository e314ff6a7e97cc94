"""The contract's formats of a moment; inside, times are milliseconds since the epoch, UTC."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


def iso(ms: int) -> str:
    """`2026-11-25T00:52:56.000Z`, as REST answers and webhooks carry it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(ms: int, timezone: str) -> str:
    """`2026-11-24 21:52:56` in the installation's zone, as frames and `lastConnected` carry it."""
    return datetime.fromtimestamp(ms / 1000, _zone(timezone)).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
