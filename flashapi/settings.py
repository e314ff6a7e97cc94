"""Every environment variable, read once, in the order of `.env.example`.

What users can set is read nowhere else. Values already in the environment win over `.env`.
"""

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

DEFAULT_CORS_ORIGINS = "*"
UNENFORCED_RATE_LIMIT = (100, 900_000)
"""The original's example values: it printed them and never applied them."""


LOG_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "silent": logging.CRITICAL + 1,
}
"""Python's levels, by the names the original's LOG_LEVEL takes (pino's)."""
PHONE_NAMES = (
    "UNKNOWN", "CHROME", "FIREFOX", "IE", "OPERA", "SAFARI", "EDGE", "DESKTOP", "IPAD", "ANDROID_TABLET", "OHANA",
    "ALOHA", "CATALINA", "TCL_TV", "IOS_PHONE", "IOS_CATALYST", "ANDROID_PHONE", "ANDROID_AMBIGUOUS", "WEAR_OS",
    "AR_WRIST", "AR_DEVICE", "UWP", "VR", "CLOUD_API", "SMARTGLASSES",
)  # fmt: skip
"""DeviceProps.PlatformType of WhatsApp's WACompanionReg.proto, as in neonize 0.5.2."""
PUBLISHED_SECRETS = frozenset({"ASDASDSA55WQ88E55R8ER5T2QW5E5Q", "123"})
"""The values of the original's `.env.example` and code, which anybody can read."""


class InvalidSetting(ValueError):
    """An environment variable holds something that can't be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the installation was told. Times are in the unit their name ends in."""

    # Server
    port: int = 3000
    host: str = "127.0.0.1"
    public_url: str = ""
    web_workers: int = 2
    trusted_proxies: int = 0
    log_level: str = "info"
    environment: str = "production"
    timezone: str = "America/Sao_Paulo"
    cors_origins: tuple[str, ...] = (DEFAULT_CORS_ORIGINS,)
    # Secrets
    global_api_key: str = field(default="", repr=False)
    webhook_secret_key: str = field(default="", repr=False)
    # Data
    data_dir: Path = Path("data")
    database_url: str = field(default="", repr=False)
    database_pool: int = 20
    redis_url: str = field(default="", repr=False)
    media_dir: Path = Path("data/media")
    media_limit_bytes: int = 100 * 1024 * 1024
    media_quota_bytes: int = 5 * 1024**3
    # Sessions
    shards: int = 16
    session_workers: int = 1
    phone_client: str = "Flash_api"
    phone_name: str = "Chrome"
    sandbox: bool = False
    live: bool = True
    # WebSocket
    websocket: bool = True
    websocket_secret: str = field(default="", repr=False)
    auth_timeout_minutes: float = 1.0
    # Webhooks and other outgoing requests
    global_webhook_url: str = ""
    webhook_pause_hours: float = 24.0
    allow_private_urls: bool = False
    # Limits
    rate_limit_window_ms: int = 60_000
    rate_limit_max: int = 1_200
    rate_limit_given: bool = False
    body_limit_bytes: int = 10 * 1024 * 1024
    queue_limit: int = 200_000
    outbox_retention_days: float = 30.0
    event_retention: int = 1_000_000
    event_retention_days: float = 30.0
    message_lifetime_seconds: int = 0
    """Older messages are deleted; 0 keeps them."""
    session_lifetime_hours: int = 0
    """Sessions disconnected for longer are deleted; 0 keeps them."""

    @property
    def redis_socket(self) -> Path:
        """The socket of the Redis we start ourselves when REDIS_URL is empty."""
        return self.data_dir / "redis" / "redis.sock"

    @property
    def sandbox_dir(self) -> Path:
        """Where the simulated network keeps its state, its control socket and the client made for it."""
        return self.data_dir / "sandbox"

    @property
    def devices_dir(self) -> Path:
        """One WhatsApp device store (SQLite) per session."""
        return self.data_dir / "devices"

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes of session this installation serves."""
        return tuple(mode for mode, on in (("live", self.live), ("sandbox", self.sandbox)) if on)

    @property
    def bind(self) -> str:
        """HOST:PORT as gunicorn wants it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The address clients use."""
        if self.public_url:
            return self.public_url
        shown = "localhost" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{shown}:{self.port}"


def load(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """Read the settings: the environment first, then the `.env` file, then the defaults. Raises InvalidSetting."""
    return _Reader(merged(environ, dotenv)).settings()


def merged(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> dict[str, str]:
    """The variables that have a value, in the environment or else in the `.env` file.

    An empty one counts as none, since docker compose exports empty all that it lists and was given no value for.
    """
    in_file = dotenv_values(dotenv) if dotenv is not None and dotenv.exists() else {}
    values: dict[str, str] = {}
    for source in (in_file, os.environ if environ is None else environ):
        values.update({name: value for name, value in source.items() if value and value.strip()})
    return values


def is_loopback(host: str) -> bool:
    """Whether this bind address can be reached from this machine only."""
    return host in ("localhost", "::1") or host.startswith("127.")


class _Reader:
    """Turns strings into typed settings; every complaint names its variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, "").strip() or default

    def integer(self, name: str, default: int, low: int = 0, high: int = 2**31) -> int:
        raw = self.text(name)
        if not raw:
            return default
        try:
            number = int(raw)
        except ValueError:
            raise InvalidSetting(f"{name} must be a whole number, not {raw!r}") from None
        if not low <= number <= high:
            raise InvalidSetting(f"{name} must be between {low} and {high}, not {number}")
        return number

    def number(self, name: str, default: float) -> float:
        raw = self.text(name)
        try:
            return float(raw) if raw else default
        except ValueError:
            raise InvalidSetting(f"{name} must be a number, not {raw!r}") from None

    def boolean(self, name: str, default: bool) -> bool:
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw in ("true", "1", "yes", "on"):
            return True
        if raw in ("false", "0", "no", "off"):
            return False
        raise InvalidSetting(f"{name} must be true or false, not {raw!r}")

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """One of these, in whatever case it is written."""
        given = self.text(name, default)
        if given.lower() not in {each.lower() for each in allowed}:
            raise InvalidSetting(f"{name} must be one of {', '.join(allowed)}, not {given!r}")
        return given

    def secret(self, name: str) -> str:
        value = self.text(name)
        if value in PUBLISHED_SECRETS:
            raise InvalidSetting(
                f"{name} is a default of the original, which is published and so protects nothing; choose another, or "
                f"remove it and `make run` writes a random one into .env"
            )
        return value

    def settings(self) -> Settings:
        host, public_url = self._addresses()
        data_dir = Path(self.text("DATA_DIR", "data")).resolve()
        max_requests = self.integer("RATE_LIMIT_MAX_REQUESTS", 1_200, low=1)
        window_ms = self.integer("RATE_LIMIT_WINDOW_MS", 60_000, low=1_000)
        global_webhook = self.boolean("ENABLE_GLOBAL_WEBHOOK", False)
        return Settings(
            port=self.integer("PORT", 3000, low=0, high=65_535),
            host=host,
            public_url=public_url,
            web_workers=self.integer("WEB_WORKERS", 2, low=1, high=64),
            trusted_proxies=self.integer("TRUSTED_PROXIES", 0, low=0, high=8),
            log_level=self.choice("LOG_LEVEL", "info", LOG_LEVELS).lower(),
            environment=self.text("NODE_ENV", "production"),
            timezone=self._timezone(),
            cors_origins=tuple(o.strip() for o in self.text("CORS_ORIGINS", "*").split(",") if o.strip()),
            global_api_key=self.secret("GLOBAL_API_KEY"),
            webhook_secret_key=self.secret("WEBHOOK_SECRET_KEY"),
            data_dir=data_dir,
            database_url=self._database_url(data_dir),
            database_pool=self.integer("MYSQL_CONNECTION_LIMIT", 20, low=1, high=1_000),
            redis_url=self.text("REDIS_URL"),
            media_dir=Path(self.text("MEDIA_DIR") or data_dir / "media").resolve(),
            media_limit_bytes=self.integer("MEDIA_LIMIT_BYTES", 100 * 1024 * 1024, low=1_024),
            media_quota_bytes=self.integer("MEDIA_QUOTA_BYTES", 5 * 1024**3, low=1_024, high=2**50),
            shards=self.integer("SHARDS", 16, low=1, high=1_024),
            session_workers=self.integer("SESSION_WORKERS", 1, low=1, high=64),
            phone_client=self.text("SESSION_PHONE_CLIENT", "Flash_api"),
            phone_name=self.choice("SESSION_PHONE_NAME", "Chrome", PHONE_NAMES),
            sandbox=self.boolean("SANDBOX", False),
            live=self.boolean("LIVE", True),
            websocket=self.boolean("ENABLE_WEBSOCKET", True),
            websocket_secret=self.secret("GLOBAL_WEBSOCKET_SECRET"),
            auth_timeout_minutes=self.number("AUTH_TIMEOUT", 1.0),
            global_webhook_url=self.text("GLOBAL_WEBHOOK_URL") if global_webhook else "",
            webhook_pause_hours=self.number("WEBHOOK_PAUSE_HOURS", 24.0),
            allow_private_urls=self.boolean("ALLOW_PRIVATE_URLS", False),
            rate_limit_window_ms=window_ms,
            rate_limit_max=max_requests,
            rate_limit_given=bool(self.text("RATE_LIMIT_MAX_REQUESTS") or self.text("RATE_LIMIT_WINDOW_MS")),
            body_limit_bytes=self.integer("BODY_LIMIT_BYTES", 10 * 1024 * 1024, low=1_024),
            queue_limit=self.integer("QUEUE_LIMIT", 200_000, low=1),
            outbox_retention_days=self.number("OUTBOX_RETENTION_DAYS", 30.0),
            event_retention=self.integer("EVENT_RETENTION", 1_000_000, low=1_000),
            event_retention_days=self.number("EVENT_RETENTION_DAYS", 30.0),
            message_lifetime_seconds=(
                self.integer("TEMP_MENSAGE", 3_600, low=1) if self.boolean("DELETE_TEMP_MENSAGE", False) else 0
            ),
            session_lifetime_hours=(
                self.integer("TEMP_DELETE_SESSAO", 5, low=1) if self.boolean("DELETE_SESAO_DISCONECT", False) else 0
            ),
        )

    def _timezone(self) -> str:
        """TZ's zone by its name; POSIX also has it as `:name`, and as the path of its data or of a link to them."""
        given = self.text("TZ", "America/Sao_Paulo")
        name = given.removeprefix(":")
        try:
            if name.startswith("/"):
                name = str(Path(name).resolve()).rpartition("/zoneinfo/")[2]
            return ZoneInfo(name).key
        except (LookupError, ValueError, OSError, RuntimeError):  # a circle of links is the last
            raise InvalidSetting(
                f"TZ must be a zone by its name, such as America/Sao_Paulo or UTC, not {given!r}"
            ) from None

    def _addresses(self) -> tuple[str, str]:
        """HOST is the bind address, unless it is a URL: the original meant the public address by it."""
        host = self.text("HOST", "127.0.0.1")
        if "://" not in host:
            return host, self.text("PUBLIC_URL").rstrip("/")
        named = urlsplit(host).hostname
        if not named:
            raise InvalidSetting(f"HOST is a URL without a host name: {host!r}")
        return ("127.0.0.1" if is_loopback(named) else "0.0.0.0"), host.rstrip("/")

    def _database_url(self, data_dir: Path) -> str:
        given = self.text("DATABASE_URL")
        if given:
            return given
        if self.text("MYSQL_HOST"):
            user = quote(self.text("MYSQL_USER", "root"), safe="")
            password = quote(self.text("MYSQL_PASSWORD"), safe="")
            port = self.integer("MYSQL_PORT", 3306, low=1, high=65_535)
            name = self.text("MYSQL_DATABASE", "flashapi")
            return f"mysql+pymysql://{user}:{password}@{self.text('MYSQL_HOST')}:{port}/{name}?charset=utf8mb4"
        path = self.text("DATABASE_PATH")
        return f"sqlite:///{Path(path).resolve() if path else data_dir / 'flashapi.sqlite'}"
