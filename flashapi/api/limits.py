"""How often a caller may ask: a fixed window per key, per address without one, counted in Redis.

Wrong keys are counted per address, more strictly. Redis being away moves the counting into this process's memory.
"""

import math
import time
from dataclasses import dataclass
from typing import ClassVar, NoReturn, TypeVar

import redis
import structlog
from flask import Flask, Response, g, request
from limits.storage import MemoryStorage, RedisStorage

from flashapi.api.keys import any_key, digest
from flashapi.errors import TooManyRequests, Unauthorized
from flashapi.services.sessions import hash_of
from flashapi.settings import UNENFORCED_RATE_LIMIT, Settings

log = structlog.get_logger()

T = TypeVar("T")

WRONG_KEYS = 30
WRONG_KEYS_WINDOW_SECONDS = 60
REDIS_PAUSE_SECONDS = 2.0
"""How long Redis is left alone after it failed to answer."""
REMEMBERED = 10_000
EXEMPT_BLUEPRINTS = frozenset({"health", "docs", "api-docs"})


@dataclass(frozen=True)
class Window:
    """Where one caller stands in the current window."""

    limit: int
    used: int
    seconds: int
    ends: float

    @property
    def remaining(self) -> int:
        """Requests left until the window ends."""
        return max(0, self.limit - self.used)

    @property
    def seconds_left(self) -> int:
        """Whole seconds until the window ends, at least one."""
        return max(1, math.ceil(self.ends - time.time()))


class Limiter:
    """Counts the requests of this process's callers, in step with the other processes."""

    EXTENSION: ClassVar[str] = "flashapi-limiter"

    def __init__(self, settings: Settings, client: "redis.Redis") -> None:
        self.limit = settings.rate_limit_max
        self.seconds = math.ceil(settings.rate_limit_window_ms / 1000)
        self.shared = RedisStorage("redis://", connection_pool=client.connection_pool, key_prefix="flashapi:limit")
        self.own = MemoryStorage()
        self.shared_again_at = 0.0
        self.known: dict[str, None] = {}
        self.shut_out: dict[str, float] = {}
        asked = (settings.rate_limit_max, settings.rate_limit_window_ms)
        if settings.rate_limit_given and asked == UNENFORCED_RATE_LIMIT:
            log.warning("rate_limit_of_original_enforced", requests=self.limit, seconds=self.seconds)

    def init_app(self, app: Flask) -> None:
        """Check every request and head every answer."""
        app.extensions[self.EXTENSION] = self
        app.before_request(self.check)
        app.after_request(add_headers)

    def check(self) -> None:
        """Count this request; raises TooManyRequests."""
        if request.blueprint in EXEMPT_BLUEPRINTS or request.endpoint == "static" or request.method == "OPTIONS":
            return
        key = any_key()
        self._refuse_shut_out(digest(key) if key else None)
        caller = f"key/{hash_of(key)}" if key else f"ip/{_address()}"  # a session's key is the same in any case
        g.rate_window = window = self.count(caller, self.limit, self.seconds)
        if window.used > window.limit:
            raise TooManyRequests(retry_after=window.seconds_left)

    def know(self, key: str) -> None:
        """Remember a right key, so that its holder isn't shut out for what others do from the same address."""
        _keep(self.known, digest(key), None)

    def refuse_key(self, refusal: Unauthorized) -> NoReturn:
        """Raise the refusal, or TooManyRequests for an address that has tried too many wrong keys."""
        address = _address()
        window = self.count(f"wrong/{address}", WRONG_KEYS, WRONG_KEYS_WINDOW_SECONDS)
        if window.used > window.limit:
            _keep(self.shut_out, address, window.ends)
            raise TooManyRequests(retry_after=window.seconds_left)
        raise refusal

    def count(self, name: str, limit: int, seconds: int) -> Window:
        """Add one to the named window."""
        index = int(time.time() // seconds)
        key = f"{name}/{index}"
        return Window(limit, self._increment(key, seconds), seconds, (index + 1) * seconds)

    def _increment(self, key: str, seconds: int) -> int:
        if time.monotonic() >= self.shared_again_at:
            try:
                return self.shared.incr(key, seconds)
            except redis.RedisError as error:
                self.shared_again_at = time.monotonic() + REDIS_PAUSE_SECONDS
                log.warning("limits_counted_in_memory", error=str(error))
        return self.own.incr(key, seconds)

    def _refuse_shut_out(self, key: str | None) -> None:
        address = _address()
        until = self.shut_out.get(address, 0.0)
        if not until or key is None or key in self.known:
            return
        left = until - time.time()
        if left > 0:
            raise TooManyRequests(retry_after=math.ceil(left))
        self.shut_out.pop(address, None)


def _keep(kept: dict[str, T], name: str, value: T) -> None:
    """Remember something in this process, at the cost of the oldest when there is too much."""
    kept[name] = value
    while len(kept) > REMEMBERED:
        kept.pop(next(iter(kept)), None)


def add_headers(response: Response) -> Response:
    """The headers of express-rate-limit, which the original had, and those of the IETF draft."""
    window: Window | None = g.get("rate_window")
    if window is not None:
        response.headers["X-RateLimit-Limit"] = response.headers["RateLimit-Limit"] = str(window.limit)
        response.headers["X-RateLimit-Remaining"] = response.headers["RateLimit-Remaining"] = str(window.remaining)
        response.headers["X-RateLimit-Reset"] = str(math.ceil(window.ends))
        response.headers["RateLimit-Reset"] = str(window.seconds_left)
        response.headers["RateLimit-Policy"] = f"{window.limit};w={window.seconds}"
    return response


def _address() -> str:
    return request.remote_addr or "-"
