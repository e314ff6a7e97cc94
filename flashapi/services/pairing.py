"""Waiting for a session to come to something: a QR code to show, a connection, a logout."""

import time
from collections.abc import Callable

from flashapi.events import EventType
from flashapi.models.sessions import State
from flashapi.qr_picture import picture
from flashapi.services import sessions
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.services.states import Seen, look_at, valid_qr
from flashapi.streams import Listener

LONGEST_SECONDS = 15.0
OWNERLESS_SECONDS = 3.0
"""How long a shard may have no owner before waiting for it is given up: claims at start take less."""
LOOK_EVERY_SECONDS = 1.0
"""A publication may be lost, and not every change of the row is an event."""
TELLING = (EventType.QR_UPDATED, EventType.SESSION_CONNECTED, EventType.SESSION_DISCONNECTED)

Codes = dict[str, str | None]
NO_CODES: Codes = {"qrcode": None, "code": None}
Reached = Callable[[Row, Seen], bool]


def wait_until(
    backend: Backend, session_id: str, reached: Reached, seconds: float = LONGEST_SECONDS
) -> tuple[Row, Seen] | None:
    """The session once `reached` says so, or as it is when time is up; None once it has been deleted.

    The row is the truth and is read again after each of the session's events. A session whose shard nobody serves is
    not waited for.
    """
    ends = time.monotonic() + seconds
    owner_seen = time.monotonic()
    with backend.hub.listen(session_id) as listener:
        while True:
            row = sessions.with_id(backend, session_id)
            if row is None:
                return None
            seen, now = look_at(backend, row), time.monotonic()
            owner_seen = now if seen.owned else owner_seen
            if reached(row, seen) or now >= ends or now - owner_seen >= OWNERLESS_SECONDS:
                return row, seen
            _wait_for_news(listener, min(now + LOOK_EVERY_SECONDS, ends))


def first_codes(backend: Backend, session_id: str) -> Codes:
    """The codes of a session that has just been made; null where none came in time or no worker serves it."""
    found = wait_until(backend, session_id, is_settled)
    return shown_codes(*found) if found else NO_CODES


def _wait_for_news(listener: Listener, ends: float) -> None:
    while (left := ends - time.monotonic()) > 0:
        recorded = listener.get(left)
        if recorded is None and listener.closed:
            time.sleep(left)  # cut off by a flood of events: the look each second goes on
        if recorded is not None and recorded.name in TELLING:
            return


def is_connected(_row: Row, seen: Seen) -> bool:
    """The session can send."""
    return seen.state is State.CONNECTED


def is_pairable(row: Row, seen: Seen) -> bool:
    """There is something to show to the phone: the pairing code where a number was given, else the QR code."""
    qr, code = valid_qr(row, seen)
    return code is not None if row.number else qr is not None


def is_settled(row: Row, seen: Seen) -> bool:
    """There is something to tell the caller of a connect: a code to show, or a connection."""
    return is_connected(row, seen) or is_pairable(row, seen)


def shown_codes(row: Row, seen: Seen) -> Codes:
    """The QR code as a picture and the pairing code, both null where there is none to use."""
    qr, code = valid_qr(row, seen)
    return {"qrcode": picture(qr) if qr else None, "code": code}
