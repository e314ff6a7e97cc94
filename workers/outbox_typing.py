"""What a chat is shown while its message waits to leave: that it is being written, or recorded."""

import time
from dataclasses import dataclass

import structlog
from neonize.exc import NeonizeError
from neonize.utils.enum import ChatPresence, ChatPresenceMedia

from flashapi.errors import SessionNotConnected
from workers.outbox_prepared import Target
from workers.outbox_rows import Row

log = structlog.get_logger()

SHOWN_WHILE = {"send_audio": ChatPresenceMedia.CHAT_PRESENCE_MEDIA_AUDIO}
"""Of an audio the phone shows that it is being recorded, of all else that it is being written."""


@dataclass
class _Typed:
    row_id: int
    target: Target
    ends: float
    shown: bool = True


class Typing:
    """The typing of one row at a time. It is broken off for direct sends, and gone on with afterwards."""

    def __init__(self) -> None:
        self._typed: _Typed | None = None

    def show(self, row: Row, target: Target, ends: float) -> float:
        """Show it for this row until `ends`, or until when it was begun for; that moment."""
        typed = self._typed
        if typed is None or typed.row_id != row.id:
            self.end()
            self._typed = typed = _Typed(row.id, target, ends, shown=False)
        if not typed.shown and typed.ends > time.monotonic():
            doing = SHOWN_WHILE.get(row.action, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
            typed.shown = _present(target, ChatPresence.CHAT_PRESENCE_COMPOSING, doing)
        return typed.ends

    def turn_to(self, row: Row | None) -> None:
        """This row comes next, or none: stop any other's. Only if a direct one comes between, the time counts on."""
        if self._typed is None or (row is not None and row.id == self._typed.row_id):
            return
        if row is not None and row.direct:
            self._hide(self._typed)
        else:
            self.end()

    def end(self) -> None:
        """Its message has left, or won't now."""
        if self._typed is not None:
            self._hide(self._typed)
            self._typed = None

    def _hide(self, typed: _Typed) -> None:
        if typed.shown:
            typed.shown = False
            _present(typed.target, ChatPresence.CHAT_PRESENCE_PAUSED, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)


def _present(target: Target, state: ChatPresence, doing: ChatPresenceMedia) -> bool:
    try:
        target.client.call("send_chat_presence", target.to, state, doing)
    except (NeonizeError, SessionNotConnected) as error:  # a courtesy: its failure must not fail the message
        log.info("typing_not_shown", error=str(error))
        return False
    return True
