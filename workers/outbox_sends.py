"""One send: from its row to the protobuf, the typing, the claim, WhatsApp's answer, and what it means for the row."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ChatPresence, ChatPresenceMedia

from flashapi.connections import Connections
from flashapi.errors import (
    DatabaseUnavailable,
    FlashAPIError,
    NoWorker,
    PacingLimit,
    SendingRestricted,
    SessionNotConnected,
    WhatsAppError,
)
from flashapi.media.spool import file_named_in
from flashapi.models.base import now_ms
from flashapi.timestamps import iso
from workers import outbox_restrictions, outbox_sent, people
from workers import outbox_rows as rows
from workers.actions import BUILDERS
from workers.actions.context import add_context
from workers.actions.workshop import Workshop
from workers.addressing import Whose, resolve
from workers.clients import Client
from workers.early_receipts import EarlyReceipts
from workers.from_whatsapp import jid_text
from workers.media.files import Files
from workers.outbox_pacing import TYPING_AT_MOST_MS, Pace
from workers.send_errors import Left, judge
from workers.waiting import persistently

log = structlog.get_logger()

CLAIM_SECONDS_AT_MOST = 0.03
"""A row is claimed shortly before its moment, by as much as that has taken lately: it must not make the row late, and
a row that is claimed is in doubt if the process dies."""
FORGETTING = 0.9
NEAR_SECONDS = 2.0
PAUSE_SECONDS = 1.0
"""After a send that the connection did not take."""
SHOWN_WHILE = {"send_audio": ChatPresenceMedia.CHAT_PRESENCE_MEDIA_AUDIO}
"""Of an audio the phone shows that it is being recorded, of all else that it is being written."""
CONTEXT = ("mentions", "mention_all", "quoted")
"""What any kind of message may carry; the rest of a payload is for the builder of its kind."""

Wait = Callable[[float, bool], bool]
"""Wait for a moment of the monotonic clock, interruptible by news or not; False if there is nothing to wait for."""


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
class _Prepared:
    """A row made ready: where it goes and what is sent."""

    row_id: int
    client: Client
    to: Any
    chat: str
    message: Message


class Sender:
    """Sends rows of one session; called by its runner, one row at a time."""

    def __init__(
        self, session: Session, connections: Connections, early: EarlyReceipts, files: Files, pace: Pace
    ) -> None:
        self._session = session
        self._connections = connections
        self._early = early
        self._files = files
        self._pace = pace
        self._ready: _Prepared | None = None  # made while its moment was waited for
        self._claim_seconds = CLAIM_SECONDS_AT_MOST / 3

    def send(self, row: rows.Row, queue: rows.Queue, moment: float, wait: Wait) -> None:
        """Send it at its moment, or leave it queued: there is something else to do first, or it isn't ours any more.

        Raises FlashAPIError if it can't be sent; then it has not left.
        """
        ready = self._prepare(row)
        if row.direct:
            self._check_guard(ready.chat, queue)
            moment = time.monotonic()
        else:
            if queue.restricted_until > now_ms() and self._pace.is_cold(ready.chat):
                rows.postpone(self._connections, row, queue.restricted_until, self._session.epoch)
                return
            moment = max(moment, self._pace.turn_of_stranger(ready.chat, queue.settings.pacing))
            if moment - time.monotonic() > NEAR_SECONDS:
                self._pace.put_off(row, moment)
                return
        typing = min(row.delay_ms, TYPING_AT_MOST_MS) / 1_000
        if not row.direct and not wait(moment - (0.0 if typing else self._claim_seconds), True):
            return
        if typing:
            moment = max(moment, time.monotonic()) + typing
            self._present(ready, ChatPresence.CHAT_PRESENCE_COMPOSING, row)
            if not wait(moment - self._claim_seconds, False):
                return
        try:
            self._claim_and_send(row, queue, ready, moment)
        finally:
            if typing:
                self._present(ready, ChatPresence.CHAT_PRESENCE_PAUSED, row)

    def finish_unsent(self, row: rows.Row, error: FlashAPIError) -> None:
        """It never left: failed for good. A queued row that lacked a connection or the database still waits."""
        if isinstance(error, SessionNotConnected) and not row.direct:
            return
        if isinstance(error, DatabaseUnavailable) and not row.direct:
            # The claim may have been written without our hearing of it.
            persistently(lambda: rows.unclaim(self._connections, row, self._session.epoch))
            return
        log.info("send_refused", row=row.id, code=error.code)
        persistently(lambda: rows.mark_failed(self._connections, row, self._session.epoch, error))

    def discard_file(self, row: rows.Row) -> None:
        """Remove the file of a row that is sent, if it has one."""
        if file_named_in(row.payload) is None:
            return
        ours = self._session.session_id
        outcome = persistently(lambda: rows.outcomes(self._connections, ours, [row.id])).get(row.id)
        if outcome is not None and not isinstance(outcome, FlashAPIError):
            self._files.discard(row.payload)

    def _claim_and_send(self, row: rows.Row, queue: rows.Queue, ready: _Prepared, moment: float) -> None:
        self._ready = None
        claimed_at, began = now_ms(), time.monotonic()
        if not (self._session.may_act() and rows.claim(self._connections, row, self._session.epoch, ready.chat)):
            return  # cancelled meanwhile, or no longer ours
        took = time.monotonic() - began
        self._claim_seconds = min(CLAIM_SECONDS_AT_MOST, max(took, FORGETTING * self._claim_seconds))
        if (left := moment - time.monotonic()) > 0:
            time.sleep(left)
        self._pace.began(row, queue, max(moment, time.monotonic()))
        try:
            response = ready.client.call("send_message", ready.to, ready.message)
        except Exception as error:  # whatever it is, the row must not stay `sending`
            self._judge(row, queue, ready, claimed_at, error)
        else:
            sender = self._own_name(ready.client, jid_text(response.Sender))
            self._finish_sent(row, ready.chat, sender, response.ID, response.Timestamp, response.Message)

    def _prepare(self, row: rows.Row) -> _Prepared:
        """Whatever goes wrong here is a FlashAPIError: the row must not be tried for ever."""
        if row.direct and row.expires_at is not None and row.expires_at < now_ms():
            raise NoWorker(retry_after=5)
        client = self._session.connected_client()
        if client is None:
            raise SessionNotConnected()
        if self._ready is not None and self._ready.row_id == row.id and self._ready.client is client:
            return self._ready
        try:
            to = resolve(client, self._connections, self._session.row, row.recipient)
            message = self._build(client, row, to)
        except NeonizeError as error:
            raise self._not_prepared(row, error) from error
        except FlashAPIError:
            raise
        except Exception as error:
            log.exception("send_not_prepared", row=row.id, action=row.action)
            raise FlashAPIError() from error
        self._ready = _Prepared(row.id, client, to, jid_text(to), message)
        return self._ready

    def _build(self, client: Client, row: rows.Row, to: Any) -> Message:
        workshop = Workshop(row.session_id, self._session.mode, self._connections, client, self._files)
        payload = json.loads(row.payload)
        beside = {name: payload.pop(name) for name in CONTEXT if name in payload}
        return add_context(workshop, BUILDERS[row.action](workshop, **payload), to, **beside)

    def _not_prepared(self, row: rows.Row, error: NeonizeError) -> FlashAPIError:
        """A question on the way to the send was not answered: nothing has left, a queued row tries again."""
        left, failure = judge(str(error))
        if left is Left.NOT_YET and not row.direct:
            self._pace.rest(PAUSE_SECONDS)
            return SessionNotConnected()
        return failure if left is not Left.UNKNOWN else WhatsAppError()

    def _check_guard(self, chat: str, queue: rows.Queue) -> None:
        """What a queued send waits for, a direct one is refused for."""
        if queue.restricted_until > now_ms() and self._pace.is_cold(chat):
            seconds = math.ceil((queue.restricted_until - now_ms()) / 1_000)
            raise SendingRestricted(retry_after=seconds, restrictedUntil=iso(queue.restricted_until))
        pacing = queue.settings.pacing
        until = max(self._pace.guarded_until(pacing), self._pace.turn_of_stranger(chat, pacing))
        if (seconds_left := until - time.monotonic()) > 0:
            raise PacingLimit(retry_after=math.ceil(seconds_left))

    def _present(self, ready: _Prepared, state: ChatPresence, row: rows.Row) -> None:
        doing = SHOWN_WHILE.get(row.action, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
        if state is ChatPresence.CHAT_PRESENCE_PAUSED:
            doing = ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
        try:
            ready.client.call("send_chat_presence", ready.to, state, doing)
        except (NeonizeError, SessionNotConnected) as error:  # a courtesy: its failure must not fail the message
            log.info("typing_not_shown", error=str(error))

    def _judge(self, row: rows.Row, queue: rows.Queue, ready: _Prepared, claimed_at: int, error: Exception) -> None:
        left, failure = (Left.NOT_YET, error) if isinstance(error, SessionNotConnected) else judge(str(error))
        log.warning("send_failed", row=row.id, left=left.value, error=str(error))
        epoch = self._session.epoch
        if left is Left.UNKNOWN:
            self._settle_unknown(row, queue, ready, claimed_at, failure)
        elif left is Left.NOT_YET and not row.direct:
            self._pace.rest(PAUSE_SECONDS)
            persistently(lambda: rows.unclaim(self._connections, row, epoch))
        elif failure.details.get("whatsapp_code") == outbox_restrictions.REACHOUT_TIMELOCKED:
            self._restrict(row, failure)
        else:
            persistently(lambda: rows.mark_failed(self._connections, row, epoch, failure))

    def _settle_unknown(
        self, row: rows.Row, queue: rows.Queue, ready: _Prepared, claimed_at: int, failure: FlashAPIError
    ) -> None:
        """Unless a receipt has come meanwhile that only this send can have caused."""
        known = persistently(lambda: outbox_sent.id_by_receipt(self._connections, row, ready.chat, claimed_at))
        if known is None:
            policy = queue.settings.policy
            persistently(
                lambda: rows.mark_uncertain(self._connections, row, self._session.epoch, failure, policy)
            )
            return
        log.info("sent_by_receipt", row=row.id, message_id=known)
        sender = persistently(lambda: self._name_of(row.session_id))
        self._finish_sent(row, ready.chat, sender, known, claimed_at // 1_000, ready.message)

    def _name_of(self, session_id: str) -> str:
        with self._connections.reading() as connection:
            return outbox_sent.own_name(connection, session_id)

    def _restrict(self, row: rows.Row, failure: FlashAPIError) -> None:
        """The account may not begin conversations: the row waits with the others of its kind."""
        code = str(outbox_restrictions.REACHOUT_TIMELOCKED)
        until = persistently(lambda: outbox_restrictions.restrict(self._connections, row.session_id, code))
        failure.details["restrictedUntil"] = iso(until)
        epoch = self._session.epoch
        if row.direct or row.attempts + 1 >= rows.RESENT_AT_MOST:
            persistently(lambda: rows.mark_failed(self._connections, row, epoch, failure))
        else:
            persistently(lambda: rows.postpone(self._connections, row, until, epoch))

    def _own_name(self, client: Client, jid: str) -> str:
        """Our phone JID where whatsmeow has sent under the LID: a message has one sender, whoever tells of it."""
        try:
            who = persistently(lambda: people.introduce(client, self._connections, self._session.row, [jid]))
        except (NeonizeError, SessionNotConnected):  # the connection has gone since; that it was sent must be written
            return jid
        return who[jid].preferred

    def _finish_sent(
        self, row: rows.Row, chat: str, sender: str, message_id: str, timestamp: int, message: Message
    ) -> None:
        persistently(
            lambda: outbox_sent.mark_sent(
                self._connections,
                self._early,
                row,
                chat=chat,
                sender=sender,
                message_id=message_id,
                timestamp=timestamp,
                message=message,
            )
        )
        log.info("message_sent", row=row.id, message_id=message_id)
