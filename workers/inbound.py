"""From the journal to the database: in order per session, in batches, through outages."""

import threading
import time
import zlib
from collections.abc import Callable
from itertools import groupby
from queue import Empty, SimpleQueue

import structlog
from google.protobuf.message import DecodeError

from flashapi import bus
from flashapi.connections import Connections
from workers import store_history
from workers.addressing import Asks
from workers.early_receipts import EarlyReceipts
from workers.journal import Entry, Journal, Orphan
from workers.store_groups import introduce_people
from workers.store_inbound import Stored, Unreadable, store_entry
from workers.waiting import patiently, persistently

log = structlog.get_logger()

THREADS = 4
BATCH = 64

Work = Callable[[], None]


class Inbound:
    """The pool that understands what the clients received. Events of one session stay in order, state changes too."""

    def __init__(self, connections: Connections, journal: Journal) -> None:
        self.early = EarlyReceipts()
        self._connections = connections
        self._journal = journal
        self._lines: list[SimpleQueue[Entry | Work | None]] = [SimpleQueue() for _ in range(THREADS)]
        self._threads = [
            threading.Thread(target=self._run, args=(line,), name=f"inbound-{number}", daemon=True)
            for number, line in enumerate(self._lines)
        ]
        for thread in self._threads:
            thread.start()

    def receive(
        self, session_id: str, code: int, raw: bytes, client: Asks | None = None, missed_before: int = 0
    ) -> None:
        """Take an event that must not be lost. Called by Go's callback: it is on disk when this returns.

        On a disk that takes nothing it is stored from memory, which beats losing what WhatsApp won't send again.
        """
        self._line_of(session_id).put(self._journal.append(session_id, code, raw, client, missed_before))

    def then(self, session_id: str, work: Work) -> None:
        """Do `work` after everything received for the session so far. It must retry outages itself (`persistently`)."""
        self._line_of(session_id).put(work)

    def close(self, seconds: float) -> None:
        """Store what is waiting, for at most so long; the rest stays in the journal."""
        for line in self._lines:
            line.put(None)
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def replay(self, orphan: Orphan) -> int:
        """Store a dead process's journal; returns how many entries it held."""
        count = 0
        batch: list[Entry] = []
        for entry in orphan.entries():
            batch.append(entry)
            count += 1
            if len(batch) >= BATCH:
                self._store(batch)
                batch = []
        self._store(batch)
        orphan.discard()
        return count

    def _line_of(self, session_id: str) -> "SimpleQueue[Entry | Work | None]":
        return self._lines[zlib.crc32(session_id.encode()) % THREADS]

    def _run(self, line: "SimpleQueue[Entry | Work | None]") -> None:
        while True:
            entries, work, ended = _take(line)
            if entries:
                self._store(entries)
                for entry in entries:
                    self._journal.done(entry)
            if work is not None:
                try:
                    work()
                except Exception:
                    log.exception("state_change_failed")
            if ended:
                return

    def _store(self, entries: list[Entry]) -> None:
        if not entries:
            return
        for is_history, found in groupby(entries, lambda entry: entry.code == store_history.CODE):
            run = list(found)
            if is_history:
                for entry in run:
                    self._store_alone(entry)
                continue
            try:
                patiently(lambda run=run: self._store_run(run))  # type: ignore[misc]
            except Exception:
                # A bug in what one event is made of must not end the line, which a quarter of all sessions share. What
                # is wrong with the database is no fault of the events: they wait.
                log.exception("batch_failed", entries=len(run))
                for entry in run:
                    self._store_alone(entry)

    def _store_alone(self, entry: Entry) -> None:
        try:
            patiently(lambda: self._store_run([entry]))
        except Exception:
            log.exception("event_failed", session=entry.session_id, code=entry.code)
            self._journal.set_aside(entry)

    def _store_run(self, entries: list[Entry]) -> None:
        """Store pieces of history one by one, other events in one transaction."""
        persistently(lambda: introduce_people(self._connections, entries))
        if entries[0].code == store_history.CODE:
            for entry in entries:
                self._store_history(entry)
            return
        stored = persistently(lambda: self._store_once(entries))
        bus.announce(self._connections.redis, [event for each in stored for event in each.recorded])

    def _store_history(self, entry: Entry) -> None:
        """In transactions of its own: one may hold ten thousand messages."""
        try:
            told = store_history.store(self._connections, entry.session_id, entry.raw)
        except DecodeError as error:
            self._put_aside(entry, error)
        else:
            bus.announce(self._connections.redis, told)

    def _store_once(self, entries: list[Entry]) -> list[Stored]:
        stored = []
        with self._connections.transaction() as connection:
            for entry in entries:
                try:
                    stored.append(store_entry(connection, self.early, entry))
                except (Unreadable, DecodeError) as error:
                    self._put_aside(entry, error)
        return stored

    def _put_aside(self, entry: Entry, error: Exception) -> None:
        """Not ours to lose: the bytes go to a file of their own, for a version that understands them."""
        log.error("event_unreadable", session=entry.session_id, code=entry.code, error=str(error))
        self._journal.set_aside(entry)


def _take(line: "SimpleQueue[Entry | Work | None]") -> tuple[list[Entry], Work | None, bool]:
    """What to do next: entries up to the first piece of work, that work, and whether it is the end."""
    entries: list[Entry] = []
    item = line.get()
    while True:
        if item is None:
            return entries, None, True
        if not isinstance(item, Entry):
            return entries, item, False
        entries.append(item)
        if len(entries) >= BATCH:
            return entries, None, False
        try:
            item = line.get_nowait()
        except Empty:
            return entries, None, False
