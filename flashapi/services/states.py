"""What a session's row means at this moment, in the contract's words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from flashapi import shards
from flashapi.models.base import now_ms
from flashapi.models.sessions import Mode, State, Wanted
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.timestamps import iso, local

log = structlog.get_logger()

MEMORY_STATUS = {
    State.CONNECTED: "connected",
    State.CONNECTING: "connecting",
    State.RECONNECTING: "connecting",
    State.QR_READY: "connecting",
}


@dataclass(frozen=True)
class Seen:
    """A session's state, as its living owner last saw it."""

    state: State
    owned: bool
    """Whether a worker holds the session's shard."""
    current: bool
    """Whether the state comes from that worker."""

    @property
    def in_memory(self) -> bool:
        """Whether a client of this session runs in a worker."""
        return self.current and self.state in MEMORY_STATUS


def look(backend: Backend, rows: Iterable[Row]) -> dict[str, Seen]:
    """The state of each session, by id. Without Redis nobody is known to be alive, so nobody is shown as connected."""
    rows = list(rows)
    try:
        epochs = shards.epochs_of(backend.connections.redis, [(row.mode, row.shard) for row in rows])
    except redis.RedisError as error:
        log.warning("leases_unknown", error=str(error))
        epochs = {}
    return {row.id: judge(row, epochs.get((row.mode, row.shard))) for row in rows}


def look_at(backend: Backend, row: Row) -> Seen:
    """The state of one session."""
    return look(backend, [row])[row.id]


def judge(row: Row, epoch: int | None) -> Seen:
    """A state counts only if the owner who wrote it still lives; otherwise the wish is all there is to show."""
    if epoch is not None and row.state_epoch == epoch:
        return Seen(State(row.state), True, True)
    state = State.CONNECTING if row.wanted == Wanted.RUNNING else State.DISCONNECTED
    return Seen(state, epoch is not None, False)


def valid_qr(row: Row, seen: Seen) -> tuple[str | None, str | None]:
    """The QR text and the pairing code, while they can still be used."""
    if seen.state is not State.QR_READY or not row.qr_expires_at or row.qr_expires_at <= now_ms():
        return None, None
    return row.qr, row.pairing_code


def describe(backend: Backend, row: Row, seen: Seen) -> dict[str, Any]:
    """The session as `status` and `list` show it."""
    connected = row.last_connected_at
    return {
        "id": row.id,
        "nome_sessao": row.name,
        "status": seen.state.value,
        "phoneNumber": row.phone or row.number,
        "lid": row.lid,
        "hasWebhook": bool(row.has_webhook),
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
        "inMemory": seen.in_memory,
        "memoryStatus": MEMORY_STATUS[seen.state] if seen.in_memory else "not_in_memory",
        "isConnected": seen.state is State.CONNECTED,
        "reconnectAttempts": row.reconnect_attempts,
        "lastConnected": local(connected, backend.settings.timezone) if connected else None,
        "connectionAttempts": row.connection_attempts,
        "lastEventAt": iso(row.last_event_at) if row.last_event_at else None,
        "disconnectReason": row.reason,
        "sandbox": row.mode == Mode.SANDBOX,
        "paired": bool(row.paired),
        "restriction": restriction_of(row),
    }


def restriction_of(row: Row) -> dict[str, Any] | None:
    """WhatsApp's restriction of the account, while it lasts; of a session's or its queue's row."""
    if not row.restricted_until or row.restricted_until <= now_ms():
        return None
    return {"code": row.restriction_code, "until": iso(row.restricted_until)}


def count(seen: Iterable[Seen]) -> dict[str, int]:
    """How many sessions there are in each of the contract's three states."""
    states = [one.state for one in seen]
    connected = states.count(State.CONNECTED)
    disconnected = states.count(State.DISCONNECTED)
    return {
        "total": len(states),
        "connected": connected,
        "connecting": len(states) - connected - disconnected,
        "disconnected": disconnected,
    }
