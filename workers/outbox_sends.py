"""One send: from its row to the protobuf, the typing, the claim, WhatsApp's answer, and what it means for the row."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.errors import (
    DatabaseUnavailable,
    FlashAPIError,
    NotRegistered,
    PacingLimit,
    SendingRestricted,
    SessionNotConnected,
    Unavailable,
)
from flashapi.media.spool import file_named_in
from flashapi.models.base import now_ms
from flashapi.models.outbox import STRANGERS
from flashapi.timestamps import iso
from workers import outbox_restrictions, outbox_sent, outbox_strangers, people
from workers import outbox_rows as rows
from workers.clients import Client
from workers.from_whatsapp import jid_text
from workers.outbox_pacing import TYPING_AT_MOST_MS, Pace
from workers.outbox_prepared import Preparer, Session, Target
from workers.outbox_typing import Typing
from workers.send_errors import Left, judge
from workers.tools import Tools
from workers.waiting import persistently

log = structlog.get_logger()

FILES_AGAIN_MS, FILES_TRIED_FOR_MS = 60_000, 24 * 3_600_000
"""A queued file that could not be uploaded is tried again after so long, for so long."""
CLOCKS_DIFFER_SECONDS = 0.005
"""Moments of the database are in whole milliseconds of the wall clock: one that is over may seem to be just ahead."""
Wait = Callable[[float, bool], bool]
"""Wait for a moment of the monotonic clock, interruptible by news or not; False if there is nothing to wait for."""


@dataclass(frozen=True)
class _Ready:
    """A row made ready: where it goes and what is sent."""

    target: Target
    message: Message


class Sender:
    """Sends rows of one session; called by its runner, one row at a time."""

    def __init__(self, session: Session, tools: Tools, pace: Pace) -> None:
        self._session = session
        self._connections = tools.connections
        self._early = tools.inbound.early
        self._files = tools.files
        self._claim_time = tools.claim_time
        self._pace = pace
        self._preparer = Preparer(session, tools.connections, tools.files, pace)
        self._typing, self._direct_typing = Typing(), Typing()

    def turn_to(self, row: rows.Row | None) -> None:
        """This row comes next, or none: no other is being typed any more."""
        self._typing.turn_to(row)
        self._direct_typing.turn_to(row)

    def send(self, row: rows.Row, queue: rows.Queue, moment: float, wait: Wait) -> None:
        """Send it at its moment, or leave it queued: there is something else to do first, or it isn't ours any more.

        Raises FlashAPIError if it can't be sent; then it has not left.
        """
        target = self._target(row, queue, moment)
        if target is None:
            return
        ready = _Ready(target, self._preparer.message(row, target))
        moment = time.monotonic() if row.direct else max(moment, time.monotonic())
        if not row.direct and not wait(moment - (0.0 if row.delay_ms else self._claim_time.seconds), True):
            return
        if row.delay_ms:
            ends = max(moment, time.monotonic()) + min(row.delay_ms, TYPING_AT_MOST_MS) / 1_000
            moment = self._typing_of(row).show(row, target, ends)
            if not wait(moment - self._claim_time.seconds, not row.direct):
                return
        self._claim_and_send(row, queue, ready, moment)

    def _typing_of(self, row: rows.Row) -> Typing:
        return self._direct_typing if row.direct else self._typing

    def _target(self, row: rows.Row, queue: rows.Queue, moment: float) -> Target | None:
        """For whom it is; None if that is somebody who has to wait.

        Nothing is uploaded for those, and WhatsApp is asked for no number that is known: on a restricted account
        thousands may be waiting.
        """
        if row.direct:
            target = self._preparer.target(row)
            self._refuse_if_hindered(target.chat, queue, time.monotonic())
            return target
        has_rules = queue.restricted_until > now_ms() or queue.settings.pacing.new_contact_gap_ms
        known = self._preparer.known_chat(row) if has_rules else None
        if known is not None and self._put_off(row, queue, known):
            return None
        try:
            target = self._preparer.target(row)
        except NotRegistered:
            self._count_question(moment)
            raise
        if has_rules and target.chat != known and self._put_off(row, queue, target.chat):
            self._count_question(moment)
            return None
        return target

    def _count_question(self, moment: float) -> None:
        if self._preparer.has_asked:
            self._pace.asked(max(moment, time.monotonic()))

    def _put_off(self, row: rows.Row, queue: rows.Queue, chat: str) -> bool:
        """Let others by, if this one has to wait for more than its turn; whether that is so."""
        if queue.restricted_until > max(now_ms(), row.due_at) and self._pace.is_cold(chat):
            rows.postpone(self._connections, row, queue.restricted_until, self._session.epoch)
            return True
        pacing = queue.settings.pacing
        if row.rank >= STRANGERS or self._pace.strangers_from(pacing) <= time.monotonic():
            return False
        if self._pace.is_stranger(chat, pacing):
            outbox_strangers.set_aside(self._connections, row, chat)
            return True
        # Somebody else has written the first message meanwhile: what was set aside for the chat goes before this.
        return outbox_strangers.rejoin(self._connections, row.session_id, chat)

    def finish_unsent(self, row: rows.Row, error: FlashAPIError) -> None:
        """It never left: failed for good. A queued row that lacked a connection or the database still waits."""
        if isinstance(error, SessionNotConnected) and not row.direct:
            return
        if isinstance(error, DatabaseUnavailable) and not row.direct:
            # The claim may have been written without our hearing of it.
            persistently(lambda: rows.unclaim(self._connections, row, self._session.epoch))
            return
        if isinstance(error, Unavailable) and not row.direct and now_ms() - row.created_at < FILES_TRIED_FOR_MS:
            # WhatsApp's media servers: they may answer later, and others need not wait for that.
            log.warning("send_put_off", row=row.id, error=str(error))
            persistently(lambda: rows.postpone(self._connections, row, now_ms() + FILES_AGAIN_MS, self._session.epoch))
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

    def _claim_and_send(self, row: rows.Row, queue: rows.Queue, ready: _Ready, moment: float) -> None:
        claimed_at, began, chat = now_ms(), time.monotonic(), ready.target.chat
        held = self._look_again(row, queue, chat, moment)
        if held is None:
            return
        stranger = self._pace.is_stranger(chat, held.settings.pacing)
        may_act = self._session.may_act()
        if not (may_act and rows.claim(self._connections, row, self._session.epoch, chat, stranger=stranger)):
            return  # cancelled or paused meanwhile, or no longer ours
        self._preparer.forget(row)
        self._claim_time.took(time.monotonic() - began)
        if (left := moment - time.monotonic()) > 0:
            time.sleep(left)
        self._pace.began(row, max(moment, time.monotonic()), stranger=stranger)
        try:
            response = ready.target.client.call("send_message", ready.target.to, ready.message)
        except Exception as error:  # whatever it is, the row must not stay `sending`
            self._judge(row, held, ready, claimed_at, error)
        else:
            sender = self._own_name(ready.target.client, jid_text(response.Sender))
            self._finish_sent(row, chat, sender, response.ID, response.Timestamp, response.Message)
            if stranger:
                persistently(lambda: outbox_strangers.rejoin(self._connections, row.session_id, chat))
        finally:
            self._typing_of(row).end()

    def _look_again(self, row: rows.Row, queue: rows.Queue, chat: str, moment: float) -> rows.Queue | None:
        """What holds now, at its moment; None if it has to wait after all.

        One that was uploaded or typed since its turn came may no longer be the head, nor its settings the same. Raises
        what a direct send is refused for.
        """
        took_time = row.delay_ms > 0 or file_named_in(row.payload) is not None
        if took_time:
            with self._connections.reading() as connection:
                queue = rows.queue_of(connection, row.session_id)
                strangers = row.rank >= STRANGERS
                head = rows.next_row(connection, row.session_id, only_direct=queue.paused, strangers=strangers)
            if not row.direct and (head is None or head.id != row.id):
                return None
        if row.direct and took_time:
            self._refuse_if_hindered(chat, queue, moment)
        elif not row.direct and self._hindrance(chat, queue, moment) is not None:
            return None
        return queue

    def _refuse_if_hindered(self, chat: str, queue: rows.Queue, moment: float) -> None:
        """What a queued send waits for, a direct one is refused for."""
        if (hindrance := self._hindrance(chat, queue, moment)) is not None:
            raise hindrance

    def _hindrance(self, chat: str, queue: rows.Queue, moment: float) -> FlashAPIError | None:
        """What keeps a send to this chat from leaving at that moment."""
        if queue.restricted_until > now_ms() and self._pace.is_cold(chat):
            seconds = math.ceil((queue.restricted_until - now_ms()) / 1_000)
            return SendingRestricted(retry_after=seconds, restrictedUntil=iso(queue.restricted_until))
        pacing = queue.settings.pacing
        until = self._pace.guarded_until(pacing)
        if self._pace.is_stranger(chat, pacing):
            until = max(until, self._pace.strangers_from(pacing))
        if (seconds_left := until - max(moment, time.monotonic())) > CLOCKS_DIFFER_SECONDS:
            return PacingLimit(retry_after=math.ceil(seconds_left))
        return None

    def _judge(self, row: rows.Row, queue: rows.Queue, ready: _Ready, claimed_at: int, error: Exception) -> None:
        left, failure = (Left.NOT_YET, error) if isinstance(error, SessionNotConnected) else judge(str(error))
        log.warning("send_failed", row=row.id, left=left.value, error=str(error))
        epoch = self._session.epoch
        if left is Left.UNKNOWN:
            self._settle_unknown(row, queue, ready, claimed_at, failure)
        elif left is Left.NOT_YET and not row.direct:
            self._pace.not_taken()
            persistently(lambda: rows.unclaim(self._connections, row, epoch))
        elif failure.details.get("whatsapp_code") == outbox_restrictions.REACHOUT_TIMELOCKED:
            self._restrict(row, failure)
        else:
            counts = left is Left.REFUSED
            if not counts:
                self._pace.did_not_count()
            persistently(lambda: rows.mark_failed(self._connections, row, epoch, failure, counts=counts))

    def _settle_unknown(
        self, row: rows.Row, queue: rows.Queue, ready: _Ready, claimed_at: int, failure: FlashAPIError
    ) -> None:
        """Unless a receipt has come meanwhile that only this send can have caused."""
        known = persistently(lambda: outbox_sent.id_by_receipt(self._connections, row, ready.target.chat, claimed_at))
        if known is None:
            policy = queue.settings.policy
            persistently(
                lambda: rows.mark_uncertain(self._connections, row, self._session.epoch, failure, policy)
            )
            return
        log.info("sent_by_receipt", row=row.id, message_id=known)
        sender = persistently(lambda: self._name_of(row.session_id))
        self._finish_sent(row, ready.target.chat, sender, known, claimed_at // 1_000, ready.message)

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
