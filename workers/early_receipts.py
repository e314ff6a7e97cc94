"""Receipts that came before the send they speak of was written down: milliseconds, on a fast network."""

import threading
from collections import OrderedDict

from flashapi.events import MessageStatus
from workers.journal import Entry
from workers.message_rows import ORDER

EARLY_AT_MOST = 5_000

Key = tuple[str, str]


class EarlyReceipts:
    """By session and message id: how far the message has come."""

    def __init__(self) -> None:
        self._statuses: OrderedDict[Key, tuple[MessageStatus, Entry]] = OrderedDict()
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
            status, _ = self._statuses.pop((session_id, message_id), (None, None))
            return status
