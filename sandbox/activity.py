"""What a phone notices besides messages: who types to it, and the receipts of what it has sent."""

from __future__ import annotations

import time
from collections import deque

from sandbox.accounts import Account
from sandbox.jid import JID
from sandbox.wire import Node

REMEMBERED = 1_000  # entries per phone, until the process ends


class Activity:
    """The latest signs of life at each phone, numbered so that a reader can ask for what came after."""

    def __init__(self) -> None:
        self._entries: dict[str, deque[tuple[int, dict[str, object]]]] = {}
        self._count = 0

    def note(self, account: Account, author: Account, kind: str, ids: list[str], chat: JID | None = None) -> None:
        self._count += 1
        entry: dict[str, object] = {
            "position": self._count,
            "kind": kind,
            "chat": str(chat or author.address()),
            "from": str(author.address()),
            "fromLid": str(author.hidden_address()),
            "ids": ids,
            "timestamp": int(time.time()),
        }
        self._entries.setdefault(account.number, deque(maxlen=REMEMBERED)).append((self._count, entry))

    def after(self, account: Account, position: int) -> list[dict[str, object]]:
        """The entries after a position, oldest first; 0 gives all that is remembered."""
        return [entry for at, entry in self._entries.get(account.number, ()) if at > position]


def receipt_ids(receipt: Node) -> list[str]:
    """Every message a receipt is about: its own id, and those of the list inside."""
    listed = receipt.child("list")
    return [receipt.text("id"), *(item.text("id") for item in (listed.children if listed else []))]
