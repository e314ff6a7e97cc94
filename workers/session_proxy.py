"""The proxy of one session as Go is handed it: judged at each start, and again when whatsmeow can't come back."""

import time

from flashapi import proxies
from flashapi.addresses import OutgoingFailed, OutgoingRefused

LOST_FOR_SECONDS = 30.0
"""So long whatsmeow may try to come back by itself, before the proxy's name is looked up again."""


class SessionProxy:
    """Used on the session's control lane only."""

    def __init__(self, allow_private: bool) -> None:
        self.url: str | None = None
        """What the client that runs now was handed."""
        self._allow_private = allow_private
        self._configured: str | None = None
        self._lost_since: float | None = None

    def judge(self, configured: str | None, turn: int) -> None:
        """Set `url` for the next start; each `turn` takes another of the proxy's addresses.

        Raises OutgoingRefused, OutgoingFailed.
        """
        self.url = self._lost_since = None
        self._configured = configured
        if configured:
            found = proxies.judged(configured, self._allow_private)
            self.url = found[turn % len(found)]

    def leads_elsewhere(self, is_lost: bool) -> bool:
        """Whether a connection lost for long may come back only through another address than Go was handed.

        Asks the resolver, for seconds at most.
        """
        if not is_lost or self._configured is None or self.url == self._configured:  # Go looks the name up itself
            self._lost_since = None
            return False
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        if now - self._lost_since < LOST_FOR_SECONDS:
            return False
        try:
            return any(url != self.url for url in proxies.judged(self._configured, self._allow_private))
        except (OutgoingRefused, OutgoingFailed):
            return False
