"""The tables, one file per family; importing this package registers all of them on `metadata`."""

from flashapi.models import chats, contacts, events, groups, installation, messages, outbox, sessions
from flashapi.models.base import metadata, now_ms

__all__ = [
    "chats",
    "contacts",
    "events",
    "groups",
    "installation",
    "messages",
    "metadata",
    "now_ms",
    "outbox",
    "sessions",
]
