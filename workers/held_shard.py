"""A shard we hold: its lease, its queue's worker and its sessions."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import redis
import sqlalchemy as sa
import structlog

from flashapi import shards
from flashapi.dispatch import Action
from flashapi.errors import NoWorker, SessionNotFound
from flashapi.models.sessions import sessions as table
from workers import outbox_rows, questions
from workers.actions import WITH_FILES
from workers.lane_worker import LaneWorker, Ticket
from workers.live_session import LiveSession
from workers.tools import Tools
from workers.waiting import persistently

log = structlog.get_logger()


class HeldShard:
    """From claim to release."""

    def __init__(self, lease: shards.Lease, tools: Tools) -> None:
        self.lease = lease
        self._tools = tools
        self._sessions: dict[str, LiveSession] = {}
        self._lock = threading.Lock()
        self._ending = False
        self._worker = LaneWorker(shards.queue_name(lease.mode, lease.shard), tools.connections.redis, self._take)
        self._thread: threading.Thread | None = None  # from the moment it takes jobs

    def begin(self) -> None:
        """Settle what a former owner left, bring the sessions up, take jobs. If this raises, end it."""
        rows = self._rows()
        ours = [row.id for row in rows]
        uncertain = persistently(lambda: outbox_rows.recover(self._tools.connections, ours, self.lease.epoch))
        recovered = self._worker.recover()
        log.info(
            "shard_claimed", mode=self.lease.mode, shard=self.lease.shard, epoch=self.lease.epoch,
            sessions=len(rows), jobs=recovered, uncertain=uncertain,
        )  # fmt: skip
        self._bring(rows)
        self._take_jobs()

    def look(self) -> None:
        """Bring every session to what its row asks for; see that jobs are taken and that no send is left halfway."""
        if self._thread is not None and not self._thread.is_alive() and not self._ending:
            log.error("job_thread_restarted", mode=self.lease.mode, shard=self.lease.shard)
            self._take_jobs()
        rows = self._rows()
        outbox_rows.recover(self._tools.connections, [row.id for row in rows], self.lease.epoch)
        self._bring(rows)
        present = {row.id for row in rows}
        with self._lock:
            gone = [self._sessions.pop(known) for known in list(self._sessions) if known not in present]
        for session in gone:
            threading.Thread(target=session.stop, name="session-gone", daemon=True).start()

    def sessions(self) -> list[LiveSession]:
        """Those held now."""
        with self._lock:
            return list(self._sessions.values())

    def end(self) -> None:
        """Stop the sessions, then give the shard up. Blocks a few seconds; keep renewing the lease meanwhile."""
        with self._lock:
            self._ending = True
        self._worker.stop()
        in_parallel([session.stop for session in self.sessions()])
        if self._thread is not None:
            self._thread.join(2)
        try:
            self.lease.release()
        except redis.RedisError as error:
            log.warning("lease_left_to_expire", shard=self.lease.shard, error=str(error))
        log.info("shard_released", mode=self.lease.mode, shard=self.lease.shard)

    def _take_jobs(self) -> None:
        thread = threading.Thread(
            target=self._worker.run, args=(self.lease.is_safe,), name=f"shard-{self.lease.shard}", daemon=True
        )
        thread.start()
        self._thread = thread

    def _take(self, ticket: Ticket) -> None:
        if ticket.action == Action.NUDGE:
            ticket.answer(None)  # nobody waits for it
            self._bring(self._rows(ticket.session_id))
            return
        session = self._session_of(ticket.session_id)
        if session is None:
            ticket.fail(SessionNotFound())
            return
        try:
            action = Action(ticket.action)
        except ValueError:  # a newer web tier's
            log.error("action_unknown", action=ticket.action)
            ticket.fail(NoWorker(retry_after=5))
            return
        match action:
            case Action.SEND:
                session.outbox.wake(ticket)
                ticket.has_row()
            case _ if action in WITH_FILES:
                session.files.put(
                    lambda: questions.answer_with_file(ticket, session, self._tools), lambda: self._turn_away(ticket)
                )
            case _:
                session.questions.put(
                    lambda: questions.answer(ticket, session, self._tools.connections), lambda: self._turn_away(ticket)
                )

    def _turn_away(self, ticket: Ticket) -> None:
        """Its session has ended here: it is deleted, or the shard is given back and the next owner finds the job."""
        if not self._ending:
            ticket.fail(SessionNotFound())

    def _session_of(self, session_id: str) -> LiveSession | None:
        if session_id not in self._sessions:
            self._bring(self._rows(session_id))
        return self._sessions.get(session_id)

    def _bring(self, rows: Sequence[Any]) -> None:
        for row in rows:
            with self._lock:
                if self._ending:
                    return
                session = self._sessions.get(row.id)
                if session is None:
                    session = self._sessions[row.id] = LiveSession(row, self.lease, self._tools)
            session.bring_to(row)

    def _rows(self, session_id: str | None = None) -> Sequence[Any]:
        query = sa.select(table).where(table.c.mode == self.lease.mode, table.c.shard == self.lease.shard)
        if session_id is not None:
            query = query.where(table.c.id == session_id)

        def read() -> Sequence[Any]:
            with self._tools.connections.reading() as connection:
                return connection.execute(query).all()

        return persistently(read)


def in_parallel(actions: Sequence[Any], seconds: float = 7.0) -> None:
    """Run them all at once and wait for them, at most so long."""
    threads = [threading.Thread(target=action, daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
