"""A send made ready: for whom it is, and what is sent. The first may ask WhatsApp, the second may upload a file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, NoWorker, SessionNotConnected, WhatsAppError
from flashapi.models.base import now_ms
from workers.actions import BUILDERS
from workers.actions.context import add_context
from workers.actions.workshop import Workshop
from workers.addressing import Whose, remembered, resolve
from workers.clients import Client
from workers.from_whatsapp import jid_text
from workers.media.files import Files
from workers.outbox_pacing import Pace
from workers.outbox_rows import Row
from workers.send_errors import Left, judge

log = structlog.get_logger()

CONTEXT = ("mentions", "mention_all", "quoted")
"""What any kind of message may carry; the rest of a payload is for the builder of its kind."""
QUESTION = "is_on_whatsapp"


class Session(Protocol):
    """What the runner needs of the session it sends for."""

    session_id: str
    mode: str

    @property
    def row(self) -> Whose:
        """The session's row as last read."""

    @property
    def epoch(self) -> int:
        """The epoch of the shard's lease."""

    def may_act(self) -> bool:
        """Whether the lease is safe."""

    def connected_client(self) -> Client | None:
        """The client, while it is logged in."""


@dataclass(frozen=True)
class Target:
    """Where a row goes."""

    client: Client
    to: Any
    chat: str


class _Asking:
    """Hands calls on, and knows whether WhatsApp was asked for a number."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.has_asked = False

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        self.has_asked = self.has_asked or name == QUESTION
        return self._client.call(name, *arguments, **keywords)


class Preparer:
    """Makes rows ready. What a queued one needed is kept while it waits for its moment, direct ones between them."""

    def __init__(self, session: Session, connections: Connections, files: Files, pace: Pace) -> None:
        self._session = session
        self._connections = connections
        self._files = files
        self._pace = pace
        self._targets: dict[int, Target] = {}
        self._messages: dict[int, Message] = {}
        self.has_asked = False
        """Whether the latest target took a question to WhatsApp."""

    def known_chat(self, row: Row) -> str | None:
        """The chat it is for, if that is known without asking WhatsApp."""
        return remembered(self._connections, self._session.row, row.recipient)

    def target(self, row: Row) -> Target:
        """For whom it is. Whatever goes wrong is a FlashAPIError: the row must not be tried for ever."""
        self.has_asked = False
        if row.direct and row.expires_at is not None and row.expires_at < now_ms():
            raise NoWorker(retry_after=5)
        client = self._session.connected_client()
        if client is None:
            raise SessionNotConnected()
        kept = self._targets.get(row.id)
        if kept is not None and kept.client is client:
            return kept
        asking = _Asking(client)
        try:
            with self._refusals(row):
                to = resolve(asking, self._connections, self._session.row, row.recipient)
        finally:
            self.has_asked = asking.has_asked
        target = Target(client, to, jid_text(to))
        if not row.direct:
            self._targets, self._messages = {row.id: target}, {}
        return target

    def message(self, row: Row, target: Target) -> Message:
        """What is sent. Raises FlashAPIError."""
        kept = self._messages.get(row.id)
        if kept is not None:
            return kept
        with self._refusals(row):
            mode = self._session.mode
            workshop = Workshop(row.session_id, mode, self._connections, target.client, self._files)
            payload = json.loads(row.payload)
            beside = {name: payload.pop(name) for name in CONTEXT if name in payload}
            message = add_context(workshop, BUILDERS[row.action](workshop, **payload), target.to, **beside)
        if not row.direct:
            self._messages[row.id] = message
        return message

    def forget(self, row: Row) -> None:
        """It is being sent: if it comes back, it is made anew."""
        self._targets.pop(row.id, None)
        self._messages.pop(row.id, None)

    @contextmanager
    def _refusals(self, row: Row) -> Iterator[None]:
        try:
            yield
        except NeonizeError as error:
            raise self._not_prepared(row, error) from error
        except FlashAPIError:
            raise
        except Exception as error:
            log.exception("send_not_prepared", row=row.id, action=row.action)
            raise FlashAPIError() from error

    def _not_prepared(self, row: Row, error: NeonizeError) -> FlashAPIError:
        """A question on the way to the send was not answered: nothing has left, a queued row tries again."""
        left, failure = judge(str(error))
        if left is Left.NOT_YET and not row.direct:
            self._pace.not_taken()
            return SessionNotConnected()
        return failure if left is not Left.UNKNOWN else WhatsAppError()
