"""One line per webhook endpoint, in a thread of its own: the oldest delivery is the head, the others wait (D8).

A Redis lease per endpoint, the same as on a shard, keeps other webhook workers off the line while it is ours.
"""

import threading
from dataclasses import dataclass, field

import redis
import structlog

from flashapi import frames, shards
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.models import now_ms
from flashapi.outgoing import Fetcher, OutgoingFailed, OutgoingRefused
from workers import webhook_rows
from workers.webhook_rows import Head, Outcome

log = structlog.get_logger()

LEASED_AS = "webhook"
"""Stands where the leases of shards have their mode."""
TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = (1.0, 2.0)
"""The pauses after a failed try; after the last one the delivery is dead."""
IDLE_SECONDS = 60.0
UNREACHABLE_SECONDS = 1.0
"""The pause when the database or the lease can't be had."""
HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "flash-Multi-Session-Webhook/1.0",
    "Accept": "application/json, text/plain, */*",
}


@dataclass(eq=False)
class Line:
    """An endpoint's line while this worker holds it."""

    endpoint_id: int
    lease: shards.Lease
    woken: threading.Event = field(default_factory=threading.Event)
    lost: bool = False


class Lines:
    """The lines this worker holds."""

    def __init__(self, connections: Connections, fetcher: Fetcher) -> None:
        self._connections = connections
        self._fetcher = fetcher
        self._identity = shards.new_identity()
        self._lines: dict[int, Line] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def wake(self, endpoint_id: int) -> None:
        """Have the endpoint's line look into the table, here or where it is held. Raises redis.RedisError."""
        with self._lock:
            if self._stopping.is_set():
                return
            line = self._lines.get(endpoint_id)
            if line is not None:
                line.woken.set()
                return
            lease = shards.claim(self._connections.redis, LEASED_AS, endpoint_id, self._identity)
            if lease is None:
                return  # another worker's
            line = self._lines[endpoint_id] = Line(endpoint_id, lease)
            thread = threading.Thread(target=self._run, args=(line,), name=f"line-{endpoint_id}", daemon=True)
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
        """Deal with the head of the line, or wait for one; False when the line has been idle for long."""
        if not line.lease.is_safe():
            self._stopping.wait(UNREACHABLE_SECONDS)  # Redis is away, or this machine was asleep
            return True
        try:
            line.woken.clear()
            head = webhook_rows.head_of(self._connections, line.endpoint_id)
            if head is None:
                return line.woken.wait(IDLE_SECONDS) or not self._forget_if_idle(line)
            wait = head.next_at - now_ms()
            if wait > 0:
                self._stopping.wait(wait / 1000)
            else:
                self._deal_with(head)
        except DatabaseUnavailable:
            log.warning("line_waits_for_database", endpoint=line.endpoint_id)
            self._stopping.wait(UNREACHABLE_SECONDS)
        return True

    def _deal_with(self, head: Head) -> None:
        outcome = self._attempt(head)
        if not webhook_rows.record(self._connections, head, outcome):
            log.warning("delivery_recorded_elsewhere", delivery=head.id)
            return
        if outcome.delivered:
            log.debug("delivered", delivery=head.id, endpoint=head.endpoint_id)
        elif outcome.retry_in is None:
            log.warning("delivery_dead", delivery=head.id, endpoint=head.endpoint_id, error=outcome.error)

    def _attempt(self, head: Head) -> Outcome:
        if head.url is None:
            return Outcome(delivered=False, error="the endpoint was removed or switched off")
        if head.event is None:
            return Outcome(delivered=False, error="the event is no longer kept")
        try:
            answer = self._fetcher.post(
                head.url,
                body=frames.webhook_body(head.event),
                headers={**HEADERS, "webhook-id": head.event.id},
                timeout=TIMEOUT_SECONDS,
            )
        except OutgoingRefused as refused:
            return Outcome(delivered=False, error=refused.message)
        except OutgoingFailed as failed:
            return Outcome(delivered=False, error=failed.message, retry_in=_pause_after(head.attempts))
        if 200 <= answer.status < 300:
            return Outcome(delivered=True, status_code=answer.status)
        return Outcome(
            delivered=False,
            status_code=answer.status,
            error=f"HTTP {answer.status}",
            retry_in=_pause_after(head.attempts),
        )

    def _forget_if_idle(self, line: Line) -> bool:
        """Take the line off the list, so that the next wake starts a new one; False if it was woken just now."""
        with self._lock:
            if line.woken.is_set():
                return False
            self._lines.pop(line.endpoint_id, None)
            return True

    def _let_go(self, line: Line) -> None:
        with self._lock:
            if self._lines.get(line.endpoint_id) is line:
                del self._lines[line.endpoint_id]
            self._threads.discard(threading.current_thread())
        try:
            line.lease.release()
        except redis.RedisError as error:
            log.warning("lease_left_to_expire", endpoint=line.endpoint_id, error=str(error))


def _pause_after(attempts: int) -> float | None:
    """The pause after a failure, where so many had failed before it."""
    return RETRY_SECONDS[attempts] if attempts < len(RETRY_SECONDS) else None
