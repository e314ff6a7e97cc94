"""What the API wants of a session: connected, restarted, logged out, gone.

Each wish is a column of the session's row, written before the shard's owner is nudged; the owner fulfils it.
"""

from typing import Any

import structlog

from flashapi.cleaning import bury
from flashapi.errors import (
    DatabaseUnavailable,
    DeviceMissing,
    NotFound,
    NoWorker,
    SessionMustBeConnected,
    SessionNotFound,
    Unavailable,
)
from flashapi.models.base import now_ms
from flashapi.models.sessions import Reason, State, Wanted
from flashapi.models.sessions import sessions as table
from flashapi.removal import remove_session
from flashapi.services import pairing, sessions
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.services.states import Seen, look_at

log = structlog.get_logger()

STARTED = (State.CONNECTED, State.CONNECTING, State.RECONNECTING)
LOGOUT_SECONDS = 10.0


def connect(backend: Backend, row: Row) -> dict[str, Any]:
    """Bring the session up, and give the codes to pair it with if it isn't paired."""
    seen = look_at(backend, row)
    if seen.state is State.CONNECTED:
        return {"message": "Sessão já conectada"}
    if pairing.is_pairable(row, seen):
        return {"message": "Qrcode recuperado com sucesso", **pairing.shown_codes(row, seen)}
    if row.wanted != Wanted.RUNNING or seen.state is State.DISCONNECTED:
        _wish(backend, row, Wanted.RUNNING)
    row, seen = _existing(
        pairing.wait_until(backend, row.id, lambda now, seen: pairing.is_settled(now, seen) or _lacks_device(now))
    )
    if _lacks_device(row):
        raise DeviceMissing()
    codes = pairing.shown_codes(row, seen)
    if seen.state is State.CONNECTED:
        return {"message": "Sessão já conectada"}
    if codes["qrcode"] or codes["code"]:
        return {"message": "Qrcode Gerado com sucesso", **codes}
    if not seen.owned:
        raise NoWorker(retry_after=5)
    if row.paired or seen.state is State.CONNECTING:
        raise Unavailable("A sessão ainda está conectando; tente novamente em instantes")
    raise NotFound("Erro ao buscar qrcode caso continue delete a sessao e crie outra")


def restart(backend: Backend, row: Row) -> Seen:
    """Replace the session's connection by a fresh one and wait for it. Raises SessionMustBeConnected."""
    if look_at(backend, row).state not in STARTED:
        raise SessionMustBeConnected()
    before = row.last_connected_at or 0
    _wish(backend, row, Wanted.RUNNING)

    def is_back(now: Row, seen: Seen) -> bool:
        again = seen.state is State.CONNECTED and (now.last_connected_at or 0) > before
        return again or seen.state is State.QR_READY

    return _existing(pairing.wait_until(backend, row.id, is_back))[1]


def reconnect(backend: Backend, row: Row) -> None:
    """Ask for a fresh connection, whatever state the session is in."""
    _wish(backend, row, Wanted.RUNNING)


def disconnect(backend: Backend, reference: str, holder: Row) -> None:
    """Log the session's device out at WhatsApp; its row and history stay. Raises NotFound, for another's too."""
    row = sessions.get(backend, reference)
    if row.id != holder.id:
        raise NotFound("Essa apikey não corresponde a essa sessão")
    if row.wanted != Wanted.RUNNING and not row.paired:
        raise NotFound("Sessão não foi iniciada ainda")
    _wish(backend, row, Wanted.UNLINKED)
    pairing.wait_until(backend, row.id, lambda now, _: now.wanted != Wanted.UNLINKED, LOGOUT_SECONDS)


def delete(backend: Backend, row: Row) -> None:
    """Free the session's name and key at once; its owner logs the device out and removes every row.

    One that isn't paired and that no worker serves has nothing to log out, so its rows go at once.
    """
    gone = not row.paired and not look_at(backend, row).owned
    with backend.connections.transaction(durable=True) as connection:
        bury(connection, row.id)
    if not gone:
        sessions.nudge(backend, row.mode, row.shard, row.id)
        return
    try:
        remove_session(backend.connections, row.id)
    except DatabaseUnavailable:  # it is deleted for everybody; the first worker to serve its shard removes the rest
        log.warning("rows_left_to_a_worker", session=row.id)


def _wish(backend: Backend, row: Row, wanted: Wanted) -> None:
    """Write the wish and tell the owner. A wish to run asks for a fresh connection."""
    changes: dict[str, Any] = {"wanted": wanted, "updated_at": now_ms()}
    if wanted is Wanted.RUNNING:
        changes["generation"] = table.c.generation + 1
    with backend.connections.transaction(durable=True) as connection:
        changed = connection.execute(
            table.update().where(table.c.id == row.id, table.c.wanted != Wanted.DELETED).values(changes)
        )
    if not changed.rowcount:
        raise SessionNotFound()
    sessions.nudge(backend, row.mode, row.shard, row.id)


def _lacks_device(row: Row) -> bool:
    """Its start has ended for want of its keys. While it is still wanted to run, the reason is an earlier start's."""
    return bool(row.reason == Reason.DEVICE_MISSING and row.wanted == Wanted.STOPPED)


def _existing(found: tuple[Row, Seen] | None) -> tuple[Row, Seen]:
    if found is None:
        raise SessionNotFound()
    return found
