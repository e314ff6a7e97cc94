"""The web tier: settings → extensions → blueprints → errors. Stateless, any number of processes, no WhatsApp in it."""

from flask import Flask
from flask_talisman import Talisman
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from werkzeug.middleware.proxy_fix import ProxyFix

from flashapi import logs
from flashapi.api import (
    bulk,
    chat,
    config,
    contacts,
    cors,
    docs,
    events,
    failures,
    groups,
    health,
    history,
    identifiers,
    kinds,
    media,
    openapi,
    presences,
    queue,
    sandbox,
    sandbox_groups,
    sandbox_phones,
    sessions,
    system,
    tracing,
    uploads,
    webhooks,
    websocket,
)
from flashapi.api.current import EXTENSION
from flashapi.api.limits import Limiter
from flashapi.connections import Connections
from flashapi.dispatch import Dispatcher
from flashapi.media.spool import Spool
from flashapi.outgoing import Fetcher
from flashapi.services.backend import Backend
from flashapi.settings import InvalidSetting, Settings, load
from flashapi.streams import Hub


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Raises InvalidSetting; touches neither the database nor Redis yet."""
    if settings is None:
        settings = load()
        logs.configure(settings, "web")
    if not settings.global_api_key:
        raise InvalidSetting("GLOBAL_API_KEY is empty: without it nobody could create a session")
    app = Flask(__name__, static_folder=None)
    app.request_class = uploads.SpoolingRequest
    _configure(app, settings)
    identifiers.init_app(app)
    connections = Connections(settings)
    # A caller waits for every retry, so Redis being away must be noticed at once.
    connections.redis.set_retry(Retry(ExponentialBackoff(cap=0.1, base=0.02), 2))
    hub = Hub(connections)
    app.extensions[EXTENSION] = Backend(
        settings,
        connections,
        Dispatcher(connections.redis),
        hub,
        Fetcher(settings.allow_private_urls),
        Spool(settings),
    )
    tracing.init_app(app)
    cors.init_app(app, settings)
    _add_security_headers(app, settings)
    _trust_proxies(app, settings)
    Limiter(settings, connections.redis).init_app(app)
    _register_routes(app, settings)
    websocket.init_app(app, connections, settings, hub)
    failures.init_app(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.url_map.strict_slashes = False  # the original took a trailing slash everywhere
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(
        MAX_CONTENT_LENGTH=settings.body_limit_bytes,
        MAX_FORM_MEMORY_SIZE=settings.body_limit_bytes,
    )


def _trust_proxies(app: Flask, settings: Settings) -> None:
    """Take the caller's address and scheme from the reverse proxies that are known to stand before us."""
    if count := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]


def _add_security_headers(app: Flask, settings: Settings) -> None:
    over_tls = settings.base_url.startswith("https://")
    policy = {
        "default-src": "'self'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
        "object-src": "'none'",
        "script-src": "'self'",
        "script-src-attr": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],  # Swagger UI sets styles on its elements
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", settings.base_url, "ws:", "wss:"],
    }
    Talisman(
        app,
        force_https=False,
        session_cookie_secure=over_tls,
        strict_transport_security=over_tls,
        content_security_policy=policy,
        referrer_policy="no-referrer",
    )


def _register_routes(app: Flask, settings: Settings) -> None:
    rest = openapi.make_rest(app, settings)
    app.register_blueprint(docs.blp)
    nouns = [health, sessions, chat, bulk, queue, kinds, media, presences, history, contacts, groups, config, system]
    nouns += [webhooks, events]
    for noun in [*nouns, *([sandbox, sandbox_phones, sandbox_groups] if settings.sandbox else [])]:
        rest.register_blueprint(noun.blp)
    rest.register_blueprint(queue.settings_blp)
