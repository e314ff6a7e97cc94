"""What the builders of messages may use: the client's calls, the session's stored messages, the spooled files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.connections import Connections
from flashapi.errors import NotFound
from flashapi.models.messages import NEWEST_FIRST, messages
from workers.clients import Client
from workers.media.files import Files


@dataclass(frozen=True)
class Stored:
    """A stored message, with WhatsApp's own protobuf."""

    id: str
    chat: str
    sender: str
    from_me: bool
    kind: str
    message: Message


@dataclass(frozen=True)
class Workshop:
    """Handed to each builder for one send."""

    session_id: str
    mode: str
    connections: Connections
    client: Client
    files: Files

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of the client, as `Client.call` does."""
        return self.client.call(name, *arguments, **keywords)

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """A spooled file, with leave to have it in memory. Raises Gone, Unavailable."""
        with self.files.slots.taken(self.client):
            yield self.files.spool.path(name)

    def call_within(self, seconds: float, name: str, *arguments: Any) -> Any:
        """Call a method that may never return, with leave to have a file in memory. Raises Unavailable."""
        return self.files.slots.call(self.client, seconds, lambda: self.client.call(name, *arguments))

    def stored(self, message_id: str) -> Stored:
        """The newest stored message with this id. Raises NotFound."""
        with self.connections.reading() as connection:
            row = connection.execute(
                sa.select(messages)
                .where(messages.c.session_id == self.session_id, messages.c.message_id == message_id)
                .order_by(*NEWEST_FIRST)
                .limit(1)
            ).first()
        if row is None:
            raise NotFound("Mensagem não encontrada")
        message = Message.FromString(row.raw)
        return Stored(row.message_id, row.chat, row.sender, bool(row.from_me), row.type, message)
