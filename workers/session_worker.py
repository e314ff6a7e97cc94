"""A session worker process: claims shards up to its fair share, keeps its leases, ends cleanly."""

import contextlib
import math
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable

import redis
import sqlalchemy as sa
import structlog

from flashapi import shards
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.media.spool import Spool
from flashapi.models.base import now_ms
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from workers import clients, journal, outbox_rows
from workers.door import Door
from workers.held_shard import HeldShard, in_parallel
from workers.inbound import Inbound
from workers.media.files import Files
from workers.tools import Tools
from workers.waiting import wait_for_installation

log = structlog.get_logger()

DIALS_AT_ONCE = 10
CLAIM_EVERY_SECONDS = 0.5
LOOK_EVERY_SECONDS = 10.0
SWEEP_EVERY_SECONDS = 1.0
TIDY_EVERY_SECONDS = 60.0
SCHEDULED_AHEAD_MS = 2_000
"""So long before a scheduled send is due its runner is woken, which then waits for the exact moment."""
PEERS_APPEAR_SECONDS = 0.3
"""Workers started together should count each other before the first claim."""
GIVEN_UP_AT_MOST = 200
FILES_AT_MOST = 0.7
"""Of the process's limit. neonize never closes the store of a client it has stopped, so each start costs some files."""
EXIT_LEASE_LOST = 75
STOP_SECONDS = 9.0


class SessionWorker:
    """The shards of one mode that this process holds."""

    def __init__(self, settings: Settings, mode: str) -> None:
        self._settings = settings
        self._mode = mode
        self._identity = shards.new_identity()
        self._connections = Connections(settings)
        self._journals = settings.data_dir / "journal" / mode
        self._journal = journal.Journal(self._journals)
        self._inbound = Inbound(self._connections, self._journal)
        self._tools = Tools(
            settings,
            self._connections,
            self._inbound,
            clients.DeviceStores(settings.devices_dir),
            Door(),
            Files(Spool(settings)),
            threading.BoundedSemaphore(DIALS_AT_ONCE),
        )
        self._held: dict[int, HeldShard] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._redis_forgot: float | None = None  # when that was noticed
        self._epoch_missing = False
        self._first_registered: float | None = None

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. The process ends inside: Go's threads don't let Python end it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        file_limit = _raise_file_limit()
        if not wait_for_installation(self._connections, self._settings, self._stopping):
            os._exit(0)
        self._replay_orphans()
        self._start_steps()
        log.info("session_worker_started", mode=self._mode, pid=os.getpid())
        while not self._stopping.wait(1.0):
            if clients.given_up > GIVEN_UP_AT_MOST or _open_files() > FILES_AT_MOST * file_limit:
                log.warning("worker_replaced", given_up=clients.given_up, open_files=_open_files())
                break
        self._stopping.set()
        threading.Thread(target=_exit_after, args=(STOP_SECONDS,), daemon=True).start()
        self._stop()
        os._exit(0)

    def _start_steps(self) -> None:
        for name, work, pause, until in (
            # While the sessions are stopped the leases must not end.
            ("renew", self._renew, shards.RENEW_EVERY_SECONDS, self._stopped),
            ("claim", self._claim, CLAIM_EVERY_SECONDS, self._stopping),
            ("look", self._look, LOOK_EVERY_SECONDS, self._stopping),
            ("sweep", self._sweep, SWEEP_EVERY_SECONDS, self._stopping),
            ("tidy", self._tidy, TIDY_EVERY_SECONDS, self._stopping),
        ):
            threading.Thread(target=self._repeat, args=(work, pause, until), name=name, daemon=True).start()

    def _repeat(self, work: Callable[[], None], pause: float, until: threading.Event) -> None:
        while not until.is_set():
            try:
                work()
            except (redis.RedisError, DatabaseUnavailable) as error:
                log.warning("step_put_off", step=threading.current_thread().name, error=str(error))
            except shards.LeaseLost as lost:
                # Two logins of one device end badly for both: nothing more may be done here, not even a clean stop.
                log.error("lease_lost", what=str(lost))
                os._exit(EXIT_LEASE_LOST)
            except Exception:
                log.exception("step_failed", step=threading.current_thread().name)
            until.wait(pause)

    # Leases

    def _renew(self) -> None:
        client = self._connections.redis
        if not self._stopping.is_set():
            client.set(shards.workers_key(self._mode, self._identity), now_ms(), px=shards.LEASE_MS)
        for held in self._snapshot():
            if held.lease.renew():
                log.warning("lease_retaken", shard=held.lease.shard)
                self._redis_forgot = shards.clock()

    def _claim(self) -> None:
        client = self._connections.redis
        if not client.exists(shards.workers_key(self._mode, self._identity)):
            return  # not registered yet
        if not self._registered_long_enough() or not self._redis_is_known():
            return
        self._replay_orphans()
        workers = sum(1 for _ in client.scan_iter(shards.workers_key(self._mode), count=1_000))
        share = math.ceil(self._settings.shards / max(1, workers))
        while len(self._held) > share:
            self._give_back(random.choice(self._snapshot()))
        free = [shard for shard in range(self._settings.shards) if shard not in self._held]
        random.shuffle(free)
        for shard in free:
            if len(self._held) >= share or self._stopping.is_set():
                return
            lease = shards.claim(client, self._mode, shard, self._identity)
            if lease is not None:
                self._hold(lease)

    def _registered_long_enough(self) -> bool:
        now = time.monotonic()
        if self._first_registered is None:
            self._first_registered = now
        return now - self._first_registered >= PEERS_APPEAR_SECONDS

    def _missing_since(self, now: float) -> float:
        """When the first of all workers saw that the counter is missing: one that is killed soon hands its wait on."""
        client, moment = self._connections.redis, now_ms()
        client.set(shards.EPOCH_MISSED_KEY, moment, nx=True, px=10 * shards.LEASE_MS)
        first = int(client.get(shards.EPOCH_MISSED_KEY) or moment)
        return now - max(0, moment - first) / 1_000

    def _redis_is_known(self) -> bool:
        """False for one lease's life after Redis has lost its data: owners must have time to take their shards back.

        The lost data shows by the missing epoch counter, which only the claim of a shard makes anew, or by a lease of
        our own that had vanished. An installation without a paired session has nothing that could be logged in twice.
        """
        now = shards.clock()
        missing = not self._connections.redis.exists(shards.EPOCH_KEY)
        if missing and not self._epoch_missing:
            self._redis_forgot = self._missing_since(now) if self._has_paired_sessions() else None
        self._epoch_missing = missing
        if self._redis_forgot is not None and now - self._redis_forgot < shards.LEASE_MS / 1_000:
            return False
        self._redis_forgot = None
        return True

    def _has_paired_sessions(self) -> bool:
        with self._connections.reading() as connection:
            found = connection.execute(sa.select(sessions.c.id).where(sessions.c.paired).limit(1)).first()
        return found is not None

    def _hold(self, lease: shards.Lease) -> None:
        held = HeldShard(lease, self._tools)
        with self._lock:
            self._held[lease.shard] = held
        try:
            held.begin()
        except Exception:
            log.warning("shard_not_begun", mode=self._mode, shard=lease.shard)
            self._give_back(held)
            raise

    def _give_back(self, held: HeldShard) -> None:
        try:
            held.end()
        finally:  # what is no longer served must not be renewed either
            with self._lock:
                self._held.pop(held.lease.shard, None)

    def _snapshot(self) -> list[HeldShard]:
        with self._lock:
            return list(self._held.values())

    # Sessions

    def _look(self) -> None:
        for held in self._snapshot():
            held.look()

    def _sweep(self) -> None:
        """Wake the runners that have rows: their time comes, or their wake-up was lost."""
        by_id = {session.session_id: session for held in self._snapshot() for session in held.sessions()}
        soon = now_ms() + SCHEDULED_AHEAD_MS
        with self._connections.reading() as connection:
            waiting = outbox_rows.sessions_with_work(connection, list(by_id), soon)
        for session_id in waiting:
            by_id[session_id].outbox.nudge()

    def _tidy(self) -> None:
        self._tools.files.tidy(self._connections)

    def _replay_orphans(self) -> None:
        for orphan in journal.orphans(self._journals):
            count = self._inbound.replay(orphan)
            log.info("journal_replayed", entries=count)

    def _stop(self) -> None:
        """In-flight sends finish, buffered events are stored, leases are given back."""
        held = self._snapshot()
        in_parallel([each.end for each in held])
        self._stopped.set()
        self._inbound.close(2.0)
        self._journal.close()
        with contextlib.suppress(redis.RedisError):  # it may have been stopped before us; the key ends by itself
            self._connections.redis.delete(shards.workers_key(self._mode, self._identity))
        log.info("session_worker_stopped", mode=self._mode)


def main(settings: Settings, mode: str) -> None:
    """Run a session worker; never returns."""
    SessionWorker(settings, mode).run()


def _raise_file_limit() -> int:
    """Allow this process as many open files as the system lets it; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _exit_after(seconds: float) -> None:
    time.sleep(seconds)
    log.error("stop_took_too_long", seconds=seconds)
    os._exit(1)
