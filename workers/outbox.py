"""The runner of a session's sends: the sends lane (D4). One implementation of order, typing, gap and uncertainty."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ChatPresence, ChatPresenceMedia

from flashapi.connections import Connections
from flashapi.errors import FlashAPIError, NoWorker, SessionNotConnected
from flashapi.models.base import now_ms
from workers import outbox_rows as rows
from workers import people
from workers.actions import BUILDERS
from workers.actions.context import add_context
from workers.actions.workshop import Workshop
from workers.addressing import resolve
from workers.clients import Client
from workers.from_whatsapp import jid_text
from workers.inbound import persistently
from workers.lane_worker import Ticket
from workers.lanes import Lane
from workers.media.files import Files
from workers.send_errors import Left, judge
from workers.store_inbound import EarlyReceipts

log = structlog.get_logger()

TYPING_AT_MOST_MS = 60_000
"""A longer delay is waited out first, so that direct sends need not wait behind it."""
AGAIN_SECONDS = 1.0
SHOWN_WHILE = {"send_audio": ChatPresenceMedia.CHAT_PRESENCE_MEDIA_AUDIO}
"""Of an audio the phone shows that it is being recorded, of all else that it is being written."""
CONTEXT = ("mentions", "mention_all", "quoted")
"""What any kind of message may carry; the rest of a payload is for the builder of its kind."""


class Session(Protocol):
    """What the runner needs of the session it sends for."""

    session_id: str
    mode: str

    @property
    def epoch(self) -> int:
        """The epoch of the shard's lease."""

    def may_act(self) -> bool:
        """Whether the lease is safe."""

    def connected_client(self) -> Client | None:
        """The client, while it is logged in."""


@dataclass
class _Turn:
    """What the runner found to do: a row to send now, or a time to wait."""

    row: rows.Row | None = None
    wait_seconds: float | None = None


class OutboxRunner:
    """Sends the rows of one session, one after the other, woken by jobs and by the sweeper."""

    def __init__(self, session: Session, connections: Connections, early: EarlyReceipts, files: Files) -> None:
        self._session = session
        self._connections = connections
        self._early = early
        self._files = files
        self._lane = Lane(f"sends-{session.session_id[:8]}", idle_seconds=60)
        self._changed = threading.Condition()
        self._woken = False
        self._running = False
        self._closed = False
        self._sending: int | None = None
        self._tickets: dict[int, list[Ticket]] = {}
        self._gap_ends = 0.0
        self._held: tuple[int, float] | None = None  # a head row with a long delay, and when its turn comes

    def wake(self, ticket: Ticket | None = None) -> None:
        """Look for rows now. The ticket of a direct send is answered when its row is finished."""
        with self._changed:
            if ticket is not None and (row := ticket.keywords.get("row")) is not None:
                self._tickets.setdefault(int(row), []).append(ticket)
            elif ticket is not None:
                ticket.answer(None)
            self._woken = True
            self._changed.notify_all()
            if self._running or self._closed:
                return
            self._running = True
        self._lane.put(self._run)

    def close(self) -> None:
        """Let the send in flight finish; the other rows stay queued."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def is_sending(self) -> bool:
        """Whether a send is in flight."""
        return self._sending is not None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._woken = False
            try:
                turn = persistently(self._next)
                if turn.row is not None:
                    self._send(turn.row)
                    continue
                self._settle_tickets()
            except Exception:
                log.exception("outbox_step_failed", session=self._session.session_id)
                turn = _Turn(wait_seconds=AGAIN_SECONDS)
            with self._changed:
                if self._closed or (turn.wait_seconds is None and not self._woken):
                    self._running = False
                    return
                if not self._woken:
                    self._changed.wait(turn.wait_seconds)

    def _next(self) -> _Turn:
        if self._closed or not self._session.may_act():
            return _Turn()
        with self._connections.reading() as connection:
            row = rows.next_row(connection, self._session.session_id)
        if row is None:
            return _Turn()
        if row.direct:
            return _Turn(row=row)
        if self._session.connected_client() is None:
            return _Turn()  # the connection's return wakes us
        if (wait := self._turn_comes(row) - time.monotonic()) > 0:
            return _Turn(wait_seconds=wait)
        return _Turn(row=row)

    def _turn_comes(self, row: rows.Row) -> float:
        if self._held is None or self._held[0] != row.id:
            self._held = (row.id, time.monotonic() + max(0, row.delay_ms - TYPING_AT_MOST_MS) / 1_000)
        return max(self._gap_ends, self._held[1])

    def _send(self, row: rows.Row) -> None:
        self._sending = row.id
        structlog.contextvars.bind_contextvars(request_id=row.request_id, session=self._session.session_id)
        try:
            self._send_or_finish(row)
        except FlashAPIError as error:
            self._finish_unsent(row, error)
        finally:
            structlog.contextvars.clear_contextvars()
            self._sending = None
            if not row.direct:
                self._gap_ends = time.monotonic() + row.gap_ms / 1_000
        self._settle_tickets()
        self._discard_file(row)

    def _send_or_finish(self, row: rows.Row) -> None:
        if row.direct and row.expires_at is not None and row.expires_at < now_ms():
            raise NoWorker(retry_after=5)
        client = self._session.connected_client()
        if client is None:
            raise SessionNotConnected()
        payload = json.loads(row.payload)
        to = resolve(client, self._connections, self._session.mode, payload.pop("to"))
        message = self._build(client, row.action, to, payload)
        typing_ms = min(row.delay_ms, TYPING_AT_MOST_MS)
        doing = SHOWN_WHILE.get(row.action, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
        if typing_ms and not self._type(client, to, typing_ms, doing):
            return  # closed meanwhile: the row is still queued
        if not (self._session.may_act() and rows.claim(self._connections, row, self._session.epoch)):
            return  # cancelled meanwhile, or no longer ours
        try:
            response = client.call("send_message", to, message)
        except Exception as error:  # whatever it is, the row must not stay `sending`
            self._judge(row, error)
        else:
            self._finish_sent(row, response, jid_text(to), self._own_name(client, jid_text(response.Sender)))
        finally:
            if typing_ms:
                self._presence(client, to, ChatPresence.CHAT_PRESENCE_PAUSED)

    def _build(self, client: Client, action: str, to: Any, payload: dict[str, Any]) -> Message:
        """What is sent. Whatever goes wrong here is a FlashAPIError: the row must not be tried for ever."""
        workshop = Workshop(self._session.session_id, self._connections, client.call, self._files)
        beside = {name: payload.pop(name) for name in CONTEXT if name in payload}
        try:
            return add_context(workshop, BUILDERS[action](workshop, **payload), to, **beside)
        except FlashAPIError:
            raise
        except Exception as error:
            log.exception("build_failed", action=action)
            raise FlashAPIError() from error

    def _discard_file(self, row: rows.Row) -> None:
        """Remove the file of a row that is finished, if it has one."""
        if '"spool"' in row.payload and persistently(
            lambda: rows.outcomes(self._connections, self._session.session_id, [row.id])
        ):
            self._files.discard(row.payload)

    def _type(self, client: Client, to: Any, milliseconds: int, doing: ChatPresenceMedia) -> bool:
        """Show `composing` or `recording` for so long; False if the runner was closed meanwhile."""
        self._presence(client, to, ChatPresence.CHAT_PRESENCE_COMPOSING, doing)
        with self._changed:
            self._changed.wait_for(lambda: self._closed, milliseconds / 1_000)
            return not self._closed

    def _presence(
        self,
        client: Client,
        to: Any,
        state: ChatPresence,
        doing: ChatPresenceMedia = ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT,
    ) -> None:
        try:
            client.call("send_chat_presence", to, state, doing)
        except (NeonizeError, SessionNotConnected) as error:  # a courtesy: its failure must not fail the message
            log.info("typing_not_shown", error=str(error))

    def _judge(self, row: rows.Row, error: Exception) -> None:
        left, failure = (Left.NOT_YET, error) if isinstance(error, SessionNotConnected) else judge(str(error))
        log.warning("send_failed", row=row.id, left=left.value, error=str(error))
        if left is Left.UNKNOWN:
            persistently(lambda: rows.mark_uncertain(self._connections, row, self._session.epoch, failure))
        elif left is Left.NOT_YET and not row.direct:
            persistently(lambda: rows.unclaim(self._connections, row, self._session.epoch))
        else:
            persistently(lambda: rows.mark_failed(self._connections, row, self._session.epoch, failure))

    def _finish_unsent(self, row: rows.Row, error: FlashAPIError) -> None:
        """It never left: failed for good, or for a queued row without a connection, still waiting."""
        if isinstance(error, SessionNotConnected) and not row.direct:
            return
        log.info("send_refused", row=row.id, code=error.code)
        persistently(lambda: rows.mark_failed(self._connections, row, self._session.epoch, error))

    def _own_name(self, client: Client, jid: str) -> str:
        """Our phone JID where whatsmeow has sent under the LID: a message has one sender, whoever tells of it."""
        who = persistently(lambda: people.introduce(client, self._connections, self._session.mode, [jid]))
        return who[jid].preferred

    def _finish_sent(self, row: rows.Row, response: Any, chat: str, sender: str) -> None:
        persistently(
            lambda: rows.mark_sent(
                self._connections,
                self._early,
                row,
                self._session.epoch,
                chat=chat,
                sender=sender,
                message_id=response.ID,
                timestamp=response.Timestamp,
                message=response.Message,
            )
        )
        log.info("message_sent", row=row.id, message_id=response.ID)

    def _settle_tickets(self) -> None:
        """Answer the callers whose rows are finished."""
        with self._changed:
            waiting = [row for row in self._tickets if row != self._sending]
        if not waiting:
            return
        outcomes = persistently(lambda: rows.outcomes(self._connections, self._session.session_id, waiting))
        for row, outcome in outcomes.items():
            with self._changed:
                tickets = self._tickets.pop(row, [])
            for ticket in tickets:
                if isinstance(outcome, FlashAPIError):
                    ticket.fail(outcome)
                else:
                    ticket.answer(outcome)
