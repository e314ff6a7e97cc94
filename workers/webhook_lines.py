"""The lines this worker holds, each in a thread of its own: an endpoint's line and its slow lane.

A Redis lease per line, the same as on a shard, keeps other webhook workers off it while it is ours.
"""

import threading
from dataclasses import dataclass, field

import redis
import structlog

from flashapi import shards
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.models import now_ms
from workers import webhook_rows
from workers.webhook_attempts import Deliverer
from workers.webhook_rows import Way

log = structlog.get_logger()

IDLE_SECONDS = 60.0
UNREACHABLE_SECONDS = 1.0
"""The pause when the database or the lease can't be had."""

Key = tuple[int, Way]


@dataclass(eq=False)
class Line:
    """An endpoint's line, or its slow lane, while this worker holds it."""

    endpoint_id: int
    way: Way
    lease: shards.Lease
    woken: threading.Event = field(default_factory=threading.Event)
    lost: bool = False


class Lines:
    """The lines this worker holds."""

    def __init__(self, connections: Connections, deliverer: Deliverer) -> None:
        self._connections = connections
        self._deliverer = deliverer
        self._identity = shards.new_identity()
        self._lines: dict[Key, Line] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def wake(self, endpoint_id: int, way: Way = Way.LINE) -> None:
        """Have the line look into the table, here or where it is held. Raises redis.RedisError."""
        with self._lock:
            if self._stopping.is_set():
                return
            line = self._lines.get((endpoint_id, way))
            if line is not None:
                line.woken.set()
                return
            lease = shards.claim(
                self._connections.redis, way, endpoint_id, self._identity, epoch_key=shards.LINES_EPOCH_KEY
            )
            if lease is None:
                return  # another worker's
            line = self._lines[endpoint_id, way] = Line(endpoint_id, way, lease)
            thread = threading.Thread(target=self._run, args=(line,), name=f"{way}-{endpoint_id}", daemon=True)
            self._threads.add(thread)
            thread.start()

    def renew_leases(self) -> None:
        """Extend what we hold; a line whose lease somebody else has got ends after the delivery it is at."""
        for line in list(self._lines.values()):
            try:
                line.lease.renew()
            except shards.LeaseLost:
                log.warning("line_lost", endpoint=line.endpoint_id)
                line.lost = True
                line.woken.set()
            except redis.RedisError as error:
                log.warning("lines_not_renewed", error=str(error))
                return

    def stop(self, seconds: float) -> bool:
        """Let the deliveries in flight finish, for so long at most; whether all have. What is left stays waiting."""
        with self._lock:
            self._stopping.set()
            for line in self._lines.values():
                line.woken.set()
            threads = list(self._threads)
        ends = shards.clock() + seconds
        for thread in threads:
            thread.join(max(0.0, ends - shards.clock()))
        return not any(thread.is_alive() for thread in threads)

    def _run(self, line: Line) -> None:
        try:
            while not line.lost and not self._stopping.is_set():
                if not self._advance(line):
                    return
        finally:
            self._let_go(line)

    def _advance(self, line: Line) -> bool:
        """Deal with what comes next, or wait for it; False when the line has been idle for long."""
        if not line.lease.is_safe():
            self._stopping.wait(UNREACHABLE_SECONDS)  # Redis is away, or this machine was asleep
            return True
        try:
            line.woken.clear()
            head = webhook_rows.head_of(self._connections, line.endpoint_id, line.way)
            if head is None:
                return self._wait(line, IDLE_SECONDS)
            wait = (head.next_at - now_ms()) / 1_000
            if wait <= 0:
                self._deliverer.deal_with(head)
            elif line.way is Way.SLOW:  # the sweep comes back when it is due
                return self._wait(line, min(wait, IDLE_SECONDS))
            else:
                line.woken.wait(wait)
        except DatabaseUnavailable:
            log.warning("line_waits_for_database", endpoint=line.endpoint_id)
            self._stopping.wait(UNREACHABLE_SECONDS)
        return True

    def _wait(self, line: Line, seconds: float) -> bool:
        """Wait to be woken; False, with the line taken off the list, if it wasn't."""
        if line.woken.wait(seconds):
            return True
        with self._lock:
            if line.woken.is_set():
                return True
            self._lines.pop((line.endpoint_id, line.way), None)  # so that the next wake starts a new one
            return False

    def _let_go(self, line: Line) -> None:
        with self._lock:
            if self._lines.get((line.endpoint_id, line.way)) is line:
                del self._lines[line.endpoint_id, line.way]
            self._threads.discard(threading.current_thread())
        try:
            line.lease.release()
        except redis.RedisError as error:
            log.warning("lease_left_to_expire", endpoint=line.endpoint_id, error=str(error))
