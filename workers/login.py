"""One attempt of a session to be online: from the start of a client to its end.

It hands what the client tells to its session in order: everything goes through the session's inbound line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

import structlog
from neonize.proto import Neonize_pb2 as wire

from flashapi.models.sessions import Reason
from workers.catching_up import CatchingUp
from workers.clients import CODES, OWN_DEVICE, Client
from workers.inbound import Inbound

log = structlog.get_logger()

_KEPT_KINDS = (
    wire.Message,
    wire.Receipt,
    wire.UndecryptableMessage,
    wire.JoinedGroup,
    wire.GroupInfoEvent,
    wire.Picture,
    wire.CallOffer,
    wire.CallOfferNotice,
    wire.CallAccept,
    wire.CallTerminate,
    wire.HistorySync,
)
KEPT = frozenset(CODES[kind] for kind in _KEPT_KINDS)
"""What goes through the journal. The rest is about this moment only."""


class Phase(Enum):
    """Where an attempt stands."""

    STARTING = "starting"
    SHOWING_QR = "showing_qr"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"  # whatsmeow does that by itself
    OVER = "over"


@dataclass(frozen=True)
class Ending:
    """Why an attempt is over and whether another may follow by itself."""

    reason: Reason
    again: bool = False
    unlinked: bool = False
    banned_as: int = 0
    """WhatsApp's code of a temporary ban."""
    banned_seconds: int = 0


_FATAL: dict[int, Ending] = {
    CODES[wire.LoggedOut]: Ending(Reason.LOGGED_OUT, unlinked=True),
    CODES[wire.StreamReplaced]: Ending(Reason.REPLACED),
    CODES[wire.TemporaryBan]: Ending(Reason.BANNED),
    CODES[wire.ClientOutdated]: Ending(Reason.OUTDATED),
}
_FAILURES: dict[int, Ending] = {
    wire.ConnectFailureReason.LOGGED_OUT: Ending(Reason.LOGGED_OUT, unlinked=True),
    wire.ConnectFailureReason.MAIN_DEVICE_GONE: Ending(Reason.LOGGED_OUT, unlinked=True),
    wire.ConnectFailureReason.UNKNOWN_LOGOUT: Ending(Reason.LOGGED_OUT, unlinked=True),
    wire.ConnectFailureReason.TEMP_BANNED: Ending(Reason.BANNED),
    wire.ConnectFailureReason.CLIENT_OUTDATED: Ending(Reason.OUTDATED),
    wire.ConnectFailureReason.BAD_USER_AGENT: Ending(Reason.OUTDATED),
}


class Hooks(Protocol):
    """Who is told, one call at a time and in order (but for `settled`)."""

    def qr(self, login: "Login", text: str) -> None:
        """The next QR code of this attempt."""

    def connected(self, login: "Login") -> None:
        """Logged in."""

    def lost(self, login: "Login") -> None:
        """The connection broke; whatsmeow makes another by itself."""

    def over(self, login: "Login", ending: Ending) -> None:
        """The attempt has ended by itself."""

    def seen(self, code: int, raw: bytes) -> None:
        """Something about this moment only: presence and the like."""

    def kept(self, code: int, raw: bytes) -> Callable[[], None] | None:
        """What is to be done about an event beside storing it, once it is stored. Asked on Go's thread."""

    def settled(self, login: "Login") -> None:
        """The dial is no longer pending. Called at once, on Go's thread."""


class Login:
    """A client's listener."""

    def __init__(self, session_id: str, generation: int, inbound: Inbound, hooks: Hooks) -> None:
        self.generation = generation
        self.phase = Phase.STARTING
        self.codes_shown = 0
        self.client: Client | None = None
        self.device: wire.Device | None = None  # who we are, from the moment neonize's event loop begins
        self._catching_up = CatchingUp()
        self._session_id = session_id
        self._inbound = inbound
        self._hooks = hooks

    def on_event(self, code: int, raw: bytes) -> None:
        """Journal what must not be lost; anything else waits its turn behind it."""
        self._catching_up.note(code)
        if code in KEPT:
            self._inbound.receive(self._session_id, code, raw, self.client, self._catching_up.missed_before)
            if (reaction := self._hooks.kept(code, raw)) is not None:
                self._then(reaction)
        elif code == OWN_DEVICE:
            self.device = wire.Device.FromString(raw)
        else:
            if code == CODES[wire.Connected] or code in _FATAL:
                self._hooks.settled(self)
            self._then(lambda: self._understand(code, raw))

    def on_qr(self, text: str) -> None:
        """The next code to show."""
        self._hooks.settled(self)
        self._then(lambda: self._hooks.qr(self, text))

    def on_login_over(self, outcome: str) -> None:
        """No more codes. `success` is followed by a connection of its own."""
        if outcome != "success":
            reason = Reason.QR_TIMEOUT if outcome == "timeout" else Reason.PAIR_FAILED
            self._then(lambda: self.end(Ending(reason)))

    def on_end(self, error: str | None) -> None:
        """Go's call came back by itself: the first dial was refused, as a rule. neonize does not try again."""
        log.warning("client_returned", session=self._session_id, error=error)
        self._hooks.settled(self)
        self._then(lambda: self.end(Ending(Reason.CONNECT_FAILED, again=True)))

    def _understand(self, code: int, raw: bytes) -> None:
        if code == CODES[wire.Connected]:
            self.phase = Phase.CONNECTED
            self._hooks.connected(self)
        elif code == CODES[wire.Disconnected]:
            if self.phase is Phase.CONNECTED:
                self.phase = Phase.RECONNECTING
                self._hooks.lost(self)
        elif code == CODES[wire.TemporaryBan]:
            ban = wire.TemporaryBan.FromString(raw)
            self.end(replace(_FATAL[code], banned_as=ban.Code, banned_seconds=ban.Expire))
        elif code in _FATAL:
            self.end(_FATAL[code])
        elif code == CODES[wire.ConnectFailure]:
            failure = wire.ConnectFailure.FromString(raw)
            self.end(_FAILURES.get(failure.Reason, Ending(Reason.CONNECT_FAILED, again=True)))
        elif code == CODES[wire.PairStatus]:
            if wire.PairStatus.FromString(raw).Status == wire.PairStatus.PStatus.ERROR:
                self.end(Ending(Reason.PAIR_FAILED))
        else:
            self._hooks.seen(code, raw)

    def end(self, ending: Ending) -> None:
        """End the attempt, once."""
        if self.phase is not Phase.OVER:
            self.phase = Phase.OVER
            self._hooks.over(self, ending)

    def _then(self, work: Callable[[], None]) -> None:
        def in_turn() -> None:
            if self.phase is not Phase.OVER:
                work()

        self._inbound.then(self._session_id, in_turn)
