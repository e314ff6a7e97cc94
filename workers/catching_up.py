"""Which of the messages a session receives were sent while it was away."""

from neonize.proto import Neonize_pb2 as wire

from flashapi.models.base import now_ms
from workers.clients import CODES

_CONNECTED = CODES[wire.Connected]
_AWAY = (CODES[wire.Disconnected], CODES[wire.KeepAliveTimeout])
_RESTORED = CODES[wire.KeepAliveRestored]
_CAUGHT_UP = CODES[wire.OfflineSyncCompleted]


class CatchingUp:
    """Follows a client's events.

    After each login WhatsApp hands over what has waited, then says that this is done. whatsmeow tells of the two from
    two goroutines, thus in either order (`handleConnectSuccess`). Where it connects anew because pings got no answer,
    it tells of no disconnection (keepalive.go).
    """

    def __init__(self) -> None:
        self._over = False
        self._logged_in_at: int | None = None

    def note(self, code: int) -> None:
        """Take an event's code into account, whatever it is."""
        if code == _CAUGHT_UP:
            self._over = True
        elif code == _CONNECTED:
            if self._logged_in_at is not None:  # anew, without a word about the end of the last connection
                self._over = False
            self._logged_in_at = now_ms()
        elif code == _RESTORED:
            self._over = True
            self._logged_in_at = now_ms()
        elif code in _AWAY:
            self._over = False
            self._logged_in_at = None

    @property
    def missed_before(self) -> int:
        """Messages that arrive now were missed if they were sent before this moment (ms); 0 when none was."""
        if self._over:
            return 0
        return now_ms() if self._logged_in_at is None else self._logged_in_at
