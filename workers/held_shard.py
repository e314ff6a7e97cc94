"""A shard we hold: its lease, its queue's worker and its sessions."""

import threading
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
import structlog

from flashapi import shards
from flashapi.dispatch import Action
from flashapi.errors import SessionNotFound
from flashapi.models.sessions import sessions as table
from workers import outbox_rows, outbox_sent, questions
from workers.inbound import persistently
from workers.lane_worker import LaneWorker, Ticket
from workers.live_session import LiveSession
from workers.tools import Tools

log = structlog.get_logger()


class HeldShard:
    """From claim to release."""

    def __init__(self, lease: shards.Lease, tools: Tools) -> None:
        self.lease = lease
        self._tools = tools
        self._sessions: dict[str, LiveSession] = {}
        self._lock = threading.Lock()
        self._worker = LaneWorker(shards.queue_name(lease.mode, lease.shard), tools.connections.redis, self._take)
        self._thread = threading.Thread(
            target=self._worker.run, args=(lease.is_safe,), name=f"shard-{lease.shard}", daemon=True
        )

    def begin(self) -> None:
        """Settle what a former owner left, bring the sessions up, take jobs."""
        rows = self._rows()
        ours = [row.id for row in rows]
        uncertain = persistently(lambda: outbox_rows.recover(self._tools.connections, ours, self.lease.epoch))
        early = self._tools.inbound.early
        persistently(lambda: outbox_sent.settle_put_aside(self._tools.connections, early, ours))
        recovered = self._worker.recover()
        log.info(
            "shard_claimed", mode=self.lease.mode, shard=self.lease.shard, epoch=self.lease.epoch,
            sessions=len(rows), jobs=recovered, uncertain=uncertain,
        )  # fmt: skip
        self._bring(rows)
        self._thread.start()

    def look(self) -> None:
        """Bring every session to what its row asks for."""
        rows = self._rows()
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
        """Stop the sessions, then give the shard up. Blocks a few seconds."""
        self._worker.stop()
        in_parallel([session.stop for session in self.sessions()])
        self._thread.join(2)
        self.lease.release()
        log.info("shard_released", mode=self.lease.mode, shard=self.lease.shard)

    def _take(self, ticket: Ticket) -> None:
        if ticket.action == Action.NUDGE:
            ticket.answer(None)  # nobody waits for it
            self._bring(self._rows(ticket.session_id))
            return
        session = self._session_of(ticket.session_id)
        if session is None:
            ticket.fail(SessionNotFound())
            return
        match Action(ticket.action):
            case Action.SEND:
                session.outbox.wake(ticket)
            case Action.DOWNLOAD_MEDIA:
                self._tools.files.downloads.put(lambda: questions.answer_with_file(ticket, session, self._tools))
            case _:
                session.questions.put(lambda: questions.answer(ticket, session, self._tools.connections))

    def _session_of(self, session_id: str) -> LiveSession | None:
        if session_id not in self._sessions:
            self._bring(self._rows(session_id))
        return self._sessions.get(session_id)

    def _bring(self, rows: Sequence[Any]) -> None:
        for row in rows:
            with self._lock:
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
    for thread in threads:
        thread.join(seconds)
