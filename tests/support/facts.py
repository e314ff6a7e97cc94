"""Sessions, endpoints and events put into the tables directly, as their services would."""

import hashlib
import uuid
from dataclasses import dataclass

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.events import Event, SessionDisconnected
from flashapi.models import now_ms
from flashapi.models.events import endpoints
from flashapi.models.sessions import State, Wanted, sessions


@dataclass(frozen=True)
class Session:
    """A session's row, and the key its owner holds."""

    id: str
    name: str
    key: str


def add_session(connections: Connections, name: str) -> Session:
    """A session that is not running."""
    session = Session(str(uuid.uuid4()), name, str(uuid.uuid4()))
    moment = now_ms()
    row = {
        "id": session.id,
        "key_hash": hashlib.sha256(session.key.encode()).hexdigest(),
        "name": name,
        "mode": "sandbox",
        "shard": 0,
        "wanted": Wanted.STOPPED,
        "state": State.DISCONNECTED,
        "created_at": moment,
        "updated_at": moment,
    }
    with connections.transaction() as connection:
        connection.execute(sessions.insert(), row)
    return session


def add_endpoint(
    connections: Connections, session_id: str, url: str, events: list[str] | None = None, secret: str | None = None
) -> int:
    """A webhook endpoint; returns its id."""
    moment = now_ms()
    row = {"session_id": session_id, "url": url, "events": events, "enabled": True, "secret": secret}
    with connections.transaction() as connection:
        made = connection.execute(endpoints.insert(), {**row, "created_at": moment, "updated_at": moment})
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def happen(connections: Connections, session: Session, event: Event | None = None, *, told: bool = True) -> Recorded:
    """Record an event as a worker does; not `told`, its announcement is lost."""
    event = event or SessionDisconnected(reason="stopped")
    with connections.transaction() as connection:
        recorded = bus.record(connection, session.id, session.name, event)
    if told:
        bus.announce(connections.redis, [recorded])
    return recorded
