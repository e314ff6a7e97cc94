"""What an operation answers when it cannot be done."""

from __future__ import annotations


class Refusal(Exception):
    """An operation's refusal: an HTTP status and a Portuguese sentence for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
