"""What a login tells of itself → the session's row and events. Runs on the session's inbound line, one at a time."""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog
from neonize.proto import Neonize_pb2 as wire

from flashapi.events import QRUpdated, SessionConnected
from flashapi.models.base import now_ms
from flashapi.models.sessions import Reason, State
from flashapi.qr_picture import picture
from workers import from_whatsapp
from workers.clients import CODES, Client
from workers.courtesies import appear_online, ask_code
from workers.lanes import Lane
from workers.login import Ending, Login, Phase
from workers.report import NO_CODES, Report

log = structlog.get_logger()

FIRST_QR_MS, NEXT_QR_MS = 60_000, 20_000
"""How long WhatsApp honours the first code of an attempt and each one after it (whatsmeow, qrchan.go)."""


class Session(Protocol):
    """Whose news it is."""

    session_id: str
    paired: bool
    report: Report
    questions: Lane
    connected: threading.Event

    @property
    def row(self) -> "Row":
        """The session's row as last read."""

    def reaction_to(self, code: int, raw: bytes) -> Callable[[], None] | None:
        """What its options ask to be done about an event."""

    def has_connected(self) -> None:
        """It can send."""

    def has_ended(self, login: Login, ending: Ending) -> None:
        """The attempt is over."""

    def has_settled(self, login: Login) -> None:
        """The dial is no longer pending."""


class Row(Protocol):
    """What is read of the row here."""

    number: str | None


class News:
    """The hooks of one login."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._code: str | None = None

    def kept(self, code: int, raw: bytes) -> Callable[[], None] | None:
        """What the session is configured to do about an event, on a lane of its own once the event is stored."""
        react = self._session.reaction_to(code, raw)
        return None if react is None else lambda: self._session.questions.put(react)

    def settled(self, login: Login) -> None:
        """At once, on Go's thread: the dial has come to something."""
        self._session.has_settled(login)

    def qr(self, login: Login, text: str) -> None:
        """A code to show. Where a number was given, the pairing code is asked for before the first one is shown."""
        if self._session.paired:  # whatsmeow has removed its keys after a logout that we didn't live to write down
            login.end(Ending(Reason.LOGGED_OUT, unlinked=True))
            return
        login.phase = Phase.SHOWING_QR
        login.codes_shown += 1
        number = self._session.row.number
        if number and login.codes_shown == 1:
            assert login.client is not None
            # On a thread of its own: it asks WhatsApp, and this line has other sessions behind it.
            arguments = (login, text, login.client, number)
            threading.Thread(target=self._show_with_code, args=arguments, daemon=True).start()
        else:
            self._show(login, text)

    def connected(self, login: Login) -> None:
        """Logged in."""
        assert login.device is not None  # neonize tells it before anything else
        moment = now_ms()
        jid, lid = from_whatsapp.jid_text(login.device.JID), from_whatsapp.jid_text(login.device.LID)
        phone = login.device.JID.User
        self._session.report.state(
            State.CONNECTED,
            SessionConnected(phone=phone, jid=jid, lid=lid, name=login.device.PushName or None),
            reason=None,
            paired=True,
            phone=phone,
            lid=lid,
            last_connected_at=moment,
            last_event_at=moment,
            connection_attempts=0,
            reconnect_attempts=0,
            **NO_CODES,
        )
        self._session.has_connected()
        self._session.questions.put(lambda: appear_online(login))

    def lost(self, login: Login) -> None:
        """The connection broke; whatsmeow makes another by itself."""
        self._session.connected.clear()
        self._session.report.disconnected(State.RECONNECTING, Reason.CONNECTION_LOST)

    def over(self, login: Login, ending: Ending) -> None:
        """The attempt is over."""
        self._session.has_ended(login, ending)

    def seen(self, code: int, raw: bytes) -> None:
        """Something about this moment only."""
        if code == CODES[wire.ChatPresence]:
            self._session.report.presence(from_whatsapp.chat_presence_events(raw))
        elif code == CODES[wire.Presence]:
            self._session.report.presence(from_whatsapp.presence_events(raw))
        else:
            # Intentionally ignored: keep-alive and stream errors are followed by Disconnected when they matter.
            log.info("connection_noise", session=self._session.session_id, code=code)

    def _show_with_code(self, login: Login, text: str, client: Client, number: str) -> None:
        self._code = ask_code(client, number)
        if login.phase is Phase.SHOWING_QR:
            self._show(login, text)

    def _show(self, login: Login, text: str) -> None:
        lasts = FIRST_QR_MS if login.codes_shown == 1 else NEXT_QR_MS
        self._session.report.state(
            State.QR_READY,
            QRUpdated(qr=picture(text), code=self._code),
            qr=text,
            qr_expires_at=now_ms() + lasts,
            pairing_code=self._code,
        )
