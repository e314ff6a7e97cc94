"""Finding, making and re-keying sessions."""

import hashlib
import random
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from flashapi import proxies
from flashapi.addresses import OutgoingRefused
from flashapi.dispatch import Action
from flashapi.errors import Conflict, InvalidInput, RedisUnavailable, SessionNotFound
from flashapi.models.base import now_ms
from flashapi.models.events import endpoints
from flashapi.models.outbox import queues
from flashapi.models.sessions import Mode, State, Wanted, sessions
from flashapi.services import webhooks
from flashapi.services.backend import Backend, request_id
from flashapi.shards import shard_of

Row = sa.Row[Any]

NAMES_TRIED = 20
"""How many names are drawn for a session that was given none, before all are taken to be in use."""

_HAS_WEBHOOK = sa.exists().where(endpoints.c.session_id == sessions.c.id, endpoints.c.enabled.is_(True))
SELECT = sa.select(
    sessions, _HAS_WEBHOOK.label("has_webhook"), queues.c.restricted_until, queues.c.restriction_code
).select_from(sessions.outerjoin(queues, queues.c.session_id == sessions.c.id))
_EXISTS = sessions.c.wanted != Wanted.DELETED


@dataclass(frozen=True)
class Created:
    """A new session; its key can't be read again later."""

    id: str
    name: str
    key: str


class NameTaken(Conflict):
    """Another session has this name."""


def hash_of(key: str) -> str:
    """How a session's key is stored: keys are compared in lower case, as the original's database did."""
    return hashlib.sha256(key.lower().encode("utf-8", "surrogatepass")).hexdigest()


def with_key(backend: Backend, key: str) -> Row | None:
    """The session this key belongs to."""
    with backend.connections.reading() as connection:
        return connection.execute(SELECT.where(sessions.c.key_hash == hash_of(key), _EXISTS)).first()


def with_id(backend: Backend, session_id: str) -> Row | None:
    """The session with this id; None once it has been deleted."""
    with backend.connections.reading() as connection:
        return connection.execute(SELECT.where(sessions.c.id == session_id, _EXISTS)).first()


def get(backend: Backend, reference: str) -> Row:
    """The session with this id, else this key, else this name. Raises SessionNotFound."""
    key_hash = hash_of(reference)
    matches = sa.or_(sessions.c.id == reference, sessions.c.key_hash == key_hash, sessions.c.name == reference)
    with backend.connections.reading() as connection:
        found = connection.execute(SELECT.where(matches, _EXISTS)).all()
    for column, value in (("id", reference), ("key_hash", key_hash), ("name", reference)):
        for row in found:
            if getattr(row, column) == value:
                return row
    raise SessionNotFound()


def every(backend: Backend) -> list[Row]:
    """All sessions, the newest first."""
    with backend.connections.reading() as connection:
        return list(connection.execute(SELECT.where(_EXISTS).order_by(sessions.c.created_at.desc(), sessions.c.id)))


def create(
    backend: Backend,
    *,
    name: str | None,
    key: str | None,
    number: str | None,
    running: bool,
    sandbox: bool,
    webhook_url: str | None,
    webhook_enabled: bool,
    webhook_events: list[str] | None,
    proxy: str | None,
    device_name: str | None,
    browser: str | None,
) -> Created:
    """Make a session, with its webhook if it gets one. Raises InvalidInput, Conflict."""
    mode = _mode(backend, sandbox)
    key = (key or str(uuid.uuid4())).lower()
    if webhook_url:
        webhooks.check(backend, webhook_url)
    if proxy:
        check_proxy(backend, proxy)
    session_id, moment = str(uuid.uuid4()), now_ms()
    shard = shard_of(session_id, backend.settings.shards)
    row: dict[str, Any] = {
        "id": session_id,
        "key_hash": hash_of(key),
        "mode": mode,
        "shard": shard,
        "number": number,
        "wanted": Wanted.RUNNING if running else Wanted.STOPPED,
        "generation": 1 if running else 0,
        "state": State.DISCONNECTED,
        "proxy": proxy,
        "device_name": device_name,
        "browser": browser,
        "created_at": moment,
        "updated_at": moment,
    }
    for tries_left in reversed(range(1 if name else NAMES_TRIED)):
        row["name"] = name or f"instacia_{random.randrange(100_000):05}"
        try:
            _insert(backend, row, webhook_url, webhook_events, webhook_enabled)
            break
        except NameTaken:
            if not tries_left:
                raise
    if running:
        nudge(backend, mode, shard, session_id)
    return Created(session_id, row["name"], key)


def _insert(backend: Backend, row: dict[str, Any], url: str | None, events: list[str] | None, enabled: bool) -> None:
    """Write the row and its webhook. Raises Conflict, NameTaken."""
    try:
        with backend.connections.transaction() as connection:
            _refuse_taken(connection, row)
            connection.execute(sessions.insert(), row)
            webhooks.save(connection, row["id"], url, events, enabled)
    except sa.exc.IntegrityError:  # MySQL only: somebody took the key or the name between the look and the insert
        with backend.connections.reading() as connection:
            _refuse_taken(connection, row)
        raise


def issue_key(backend: Backend, row: Row) -> str:
    """Replace the session's key by a new one, which is shown only now."""
    key = str(uuid.uuid4())
    with backend.connections.transaction(durable=True) as connection:
        changed = connection.execute(
            sessions.update().where(sessions.c.id == row.id, _EXISTS).values(key_hash=hash_of(key), updated_at=now_ms())
        )
    if not changed.rowcount:
        raise SessionNotFound()
    return key


def nudge(backend: Backend, mode: str, shard: int, session_id: str) -> None:
    """Tell the shard's owner to look at the session now. Without Redis it looks by itself, seconds later."""
    try:
        backend.dispatcher.enqueue(mode, shard, session_id, Action.NUDGE, request_id=request_id())
    except RedisUnavailable:
        return


def _refuse_taken(connection: sa.Connection, row: dict[str, Any]) -> None:
    if connection.execute(sa.select(sessions.c.id).where(sessions.c.key_hash == row["key_hash"])).first():
        raise Conflict("A apikey gerada já existe tente novamente")
    if connection.execute(sa.select(sessions.c.id).where(sessions.c.name == row["name"])).first():
        raise NameTaken(f"Name Sessão: {row['name']} Já existe tente outro")


def _mode(backend: Backend, sandbox: bool) -> Mode:
    mode = Mode.SANDBOX if sandbox else Mode.LIVE
    if mode not in backend.settings.modes:
        what = "sessões de teste (sandbox)" if sandbox else "sessões reais (sandbox: false)"
        raise InvalidInput(f"sandbox: esta instalação não aceita {what}")
    return mode


def check_proxy(backend: Backend, proxy: str) -> None:
    """Raise InvalidInput for a proxy that a session may not go through."""
    try:
        proxies.check(proxy, backend.settings.allow_private_urls)
    except OutgoingRefused as error:
        raise InvalidInput(f"proxy: {error}") from None
