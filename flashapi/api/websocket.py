"""The WebSocket at `/` and `/ws`: lets clients in, hands them their session's events, answers their few messages.

Two forms, as the original had them at different times: headers on the upgrade request, or an `auth` message within
AUTH_TIMEOUT minutes.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from flashapi import frames
from flashapi.api import websocket_auth
from flashapi.api.websocket_auth import Refused, Subscription
from flashapi.api.websocket_client import Client
from flashapi.api.websocket_feed import Feed
from flashapi.connections import Connections
from flashapi.dispatch import Dispatcher
from flashapi.errors import DatabaseUnavailable
from flashapi.media.embedding import Embedder
from flashapi.media.spool import Spool
from flashapi.models.sessions import sessions
from flashapi.parts import parts
from flashapi.settings import Settings
from flashapi.streams import Hub

log = structlog.get_logger()

PATHS = ("/", "/ws")
TIMED_OUT, REVOKED = 4001, 4003
MAX_MESSAGE_BYTES = 64 * 1024
WATCH_SECONDS = 2.0
ASKED_AT_ONCE = 500

DISABLED = "WebSocket não está habilitado"
UNREADABLE = "Formato de mensagem inválido"
UNKNOWN_TYPE = "Tipo de mensagem não reconhecido"
KEY_GONE = "Sessão removida ou apikey substituída"


def init_app(app: Flask, connections: Connections, settings: Settings, hub: Hub) -> None:
    """Answer upgrade requests at PATHS; ordinary GET requests there stay free for others."""
    gateway = Gateway(connections, settings, hub)
    app.config.setdefault("SOCK_SERVER_OPTIONS", {"max_message_size": MAX_MESSAGE_BYTES})
    sock = Sock(app)
    for number, path in enumerate(PATHS):
        sock.route(path, endpoint=f"websocket_{number}")(gateway.serve)


class Gateway:
    """The clients connected to this process."""

    def __init__(self, connections: Connections, settings: Settings, hub: Hub) -> None:
        self._connections = connections
        self._settings = settings
        self._hub = hub
        self._frames = frames.EventFrames(settings.timezone)
        self._embedder = Embedder(connections, Dispatcher(connections.redis), Spool(settings))
        self._clients: dict[Client, Subscription] = {}
        self._watching = False
        self._lock = threading.Lock()

    def serve(self, ws: Server) -> None:
        """One connection, from its first frame to its last."""
        client = Client(ws)
        try:
            self._converse(client)
        except Refused as refusal:
            client.part(refusal.code, refusal.reason)
        except ConnectionClosed:
            pass
        finally:
            client.finish()

    def _converse(self, client: Client) -> None:
        """Greet, authenticate, answer. Raises Refused, and ConnectionClosed when the client is gone."""
        if not self._settings.websocket:
            raise Refused(DISABLED)
        if websocket_auth.has_headers():
            with self._subscribed(client, websocket_auth.by_headers()) as feed:
                client.send(frames.welcome_authenticated(client.id, request.headers["events"]))
                client.send(frames.welcome(client.id))
                feed.start()
                self._answer(client)
        client.send(frames.welcome(client.id))
        subscription = self._await_auth(client, time.monotonic() + self._settings.auth_timeout_minutes * 60)
        with self._subscribed(client, subscription) as feed:
            client.send(frames.auth_success(client.id, subscription.events))
            feed.start()
            self._answer(client)

    def _await_auth(self, client: Client, ends: float) -> Subscription:
        while True:
            raw = client.receive(max(0.0, ends - time.monotonic()))
            if raw is None:
                raise Refused("Authentication timeout", code=TIMED_OUT)
            message = _parse(raw)
            if message is not None and message.get("type") == "auth":
                try:
                    return websocket_auth.by_message(message)
                except Refused as refusal:
                    if refusal.final:
                        raise
                    client.send(frames.error(refusal.reason))
            else:
                self._answer_one(client, message)

    @contextmanager
    def _subscribed(self, client: Client, subscription: Subscription) -> Iterator[Feed]:
        """Let the client hear its events. Greet it inside: what happens after the greeting must not be missed."""

        feed = Feed(self._connections, client, subscription, self._frames, self._embedder)
        try:
            self._hub.attach(subscription.session_id, feed.hear)
        except DatabaseUnavailable as error:
            raise Refused(websocket_auth.FAILED) from error
        self._watch(client, subscription)
        log.info("websocket_opened", client=client.id, session=subscription.session_id)
        try:
            yield feed
        finally:
            self._hub.detach(subscription.session_id, feed.hear)
            self._clients.pop(client, None)
            log.info("websocket_closed", client=client.id)

    def _answer(self, client: Client) -> None:
        while True:
            raw = client.receive()
            if raw is not None:
                self._answer_one(client, _parse(raw))

    def _answer_one(self, client: Client, message: dict[str, Any] | None) -> None:
        if message is None:
            client.send(frames.error(UNREADABLE))
        elif message.get("type") == "ping":
            client.send(frames.pong(client.id, self._settings.timezone))
        else:
            client.send(frames.error(UNKNOWN_TYPE, availableTypes=["auth", "ping"]))

    def _watch(self, client: Client, subscription: Subscription) -> None:
        with self._lock:
            self._clients[client] = subscription
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._keep_watch, name="websocket-watch", daemon=True).start()

    def _keep_watch(self) -> None:
        """Cut off those who no longer read, and close those whose session is deleted or has another key."""
        while True:
            time.sleep(WATCH_SECONDS)
            holders: dict[str, list[Client]] = {}
            for client, subscription in list(self._clients.items()):
                if client.is_stalled():
                    log.warning("websocket_reader_stalled", client=client.id)
                    client.cut()
                if subscription.key_hash is not None:
                    holders.setdefault(subscription.key_hash, []).append(client)
            with suppress(DatabaseUnavailable):  # nobody's key is known to be gone
                for key_hash in holders.keys() - self._living(list(holders)):
                    for client in holders[key_hash]:
                        client.close(REVOKED, KEY_GONE)

    def _living(self, hashes: list[str]) -> set[str]:
        living: set[str] = set()
        for batch in parts(hashes, ASKED_AT_ONCE):
            asked = sa.select(sessions.c.key_hash).where(sessions.c.key_hash.in_(batch))
            with self._connections.reading() as connection:
                living.update(connection.scalars(asked))
        return living


def _parse(raw: str | bytes) -> dict[str, Any] | None:
    """A client's message, None if it is not a JSON object."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
