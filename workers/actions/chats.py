"""Questions and courtesies about chats: typing, read receipts, presence."""

from collections.abc import Callable
from typing import Any

from neonize.utils.enum import ChatPresence, ChatPresenceMedia, ReceiptType

from flashapi.connections import Connections
from flashapi.dispatch import Action
from workers.addressing import Asks, Whose, resolve, to_jid

TYPING = {
    "composing": (ChatPresence.CHAT_PRESENCE_COMPOSING, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT),
    "recording": (ChatPresence.CHAT_PRESENCE_COMPOSING, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_AUDIO),
    "paused": (ChatPresence.CHAT_PRESENCE_PAUSED, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT),
}


def show_typing(client: Asks, connections: Connections, whose: Whose, *, to: str, state: str) -> None:
    """Show that the session types, records, or neither any more."""
    client.call("send_chat_presence", resolve(client, connections, whose, to), *TYPING[state])


def mark_read(
    client: Asks, connections: Connections, whose: Whose, *, chat: str, by_sender: dict[str, list[str]]
) -> None:
    """Send read receipts, one stanza per sender as whatsmeow wants it."""
    for sender, message_ids in by_sender.items():
        client.call("mark_read", *message_ids, chat=to_jid(chat), sender=to_jid(sender), receipt=ReceiptType.READ)


def subscribe_presence(client: Asks, connections: Connections, whose: Whose, *, to: str) -> None:
    """Ask to be told of somebody's presence, for as long as this connection lasts."""
    client.call("subscribe_presence", resolve(client, connections, whose, to))


QUESTIONS: dict[Action, Callable[..., Any]] = {
    Action.SHOW_TYPING: show_typing,
    Action.MARK_READ: mark_read,
    Action.SUBSCRIBE_PRESENCE: subscribe_presence,
}
