"""Receipts that came before the send they speak of was written down: milliseconds, on a fast network."""

import threading
from collections import OrderedDict

from flashapi.events import MessageStatus
from workers.journal import Entry
from workers.message_rows import ORDER

EARLY_AT_MOST = 5_000

Key = tuple[str, str]


class EarlyReceipts:
    """By session and message id: how far the message has come, and for some of them where and when."""

    def __init__(self) -> None:
        self._statuses: OrderedDict[Key, tuple[MessageStatus, Entry]] = OrderedDict()
        self._aside: OrderedDict[Key, tuple[str, int]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, entry: Entry, message_id: str, status: MessageStatus) -> bool:
        """Remember it, before looking for the message; False if another receipt has told as much already."""
        with self._lock:
            key = (entry.session_id, message_id)
            known, teller = self._statuses.get(key, (None, None))
            if known is not None and teller is not entry and ORDER.index(known) >= ORDER.index(status):
                return False
            self._statuses[key] = (status, entry)
            while len(self._statuses) > EARLY_AT_MOST:
                self._statuses.popitem(last=False)
            return True

    def known(self, session_id: str, message_id: str) -> MessageStatus | None:
        """What has been remembered so far."""
        with self._lock:
            return self._statuses.get((session_id, message_id), (None, None))[0]

    def take(self, session_id: str, message_id: str) -> MessageStatus | None:
        """What was remembered, after the message is written down."""
        with self._lock:
            self._aside.pop((session_id, message_id), None)
            status, _ = self._statuses.pop((session_id, message_id), (None, None))
            return status

    def put_aside(self, session_id: str, message_id: str, chat: str, moment_ms: int) -> None:
        """Remember an id that may be that of the send to this chat which is in flight."""
        with self._lock:
            self._aside.setdefault((session_id, message_id), (chat, moment_ms))
            while len(self._aside) > EARLY_AT_MOST:
                self._aside.popitem(last=False)

    def unclaimed(self, session_id: str, chat: str, since_ms: int) -> str | None:
        """The first id put aside for this chat since then that no send turned out to have."""
        with self._lock:
            for (session, message_id), (where, moment) in self._aside.items():
                if session == session_id and where == chat and moment + 1_000 > since_ms:
                    return message_id
            return None

    def put_aside_for(self, session_ids: set[str]) -> list[tuple[str, str, str, int]]:
        """What has been put aside for these sessions: session, message id, chat, moment."""
        with self._lock:
            return [(*key, *place) for key, place in self._aside.items() if key[0] in session_ids]
