"""RQ without fork: one worker per held shard, in a thread, on exactly one queue.

Jobs stay standard RQ jobs. What differs from SimpleWorker: a job is handed on and answered later, from another thread;
its id stays in the intermediate list until one MULTI has stored the result and removed it; the bookkeeping that needs
40 more Redis commands a job is left out. Pinned to rq 3.0.0: tests/workers/test_lane_worker.py holds each private
method overridden here against it.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis
import structlog
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, NoSuchJobError, StopRequested
from rq.job import Job
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import as_text

from flashapi.dispatch import RESULT_TTL_SECONDS, Action
from flashapi.errors import FlashAPIError, OutcomeUnknown, SessionBusy
from flashapi.models.base import now_ms

log = structlog.get_logger()

BLOCK_SECONDS = 1
"""A blocking pop lasts no longer: a paused ex-owner would otherwise swallow the next job."""
PAUSE_SECONDS = 0.5
"""Between two tries while Redis is away or the lease is not safe."""
AHEAD_AT_MOST = 1_000
"""How many jobs a shard's worker may have taken that neither are answered nor lie in an outbox."""
AHEAD_PER_SESSION = 100
"""How many of these may be one session's, so that none takes the room of the others."""
TAKE_NO_ROOM = (Action.SEND, Action.NUDGE)
"""Those who are answered at once or wait in an outbox."""
STARTED = "flashapi_started"


@dataclass
class Ticket:
    """A taken job: what was asked, and the way to answer it once."""

    job: Job
    worker: "LaneWorker"
    action: str = field(init=False)
    session_id: str = field(init=False)
    request_id: str | None = field(init=False)
    deadline: int = field(init=False)
    _answered: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        meta = self.job.meta
        self.action, self.session_id = meta["action"], meta["session"]
        self.request_id, self.deadline = meta.get("request"), meta["deadline"]

    @property
    def keywords(self) -> dict[str, Any]:
        """What the action is called with."""
        return dict(self.job.kwargs)

    @property
    def is_late(self) -> bool:
        """Whether its caller has stopped waiting."""
        return now_ms() > self.deadline

    def mark_started(self) -> None:
        """Note, before WhatsApp is called, that it must not be run again after a crash."""
        self.worker.connection.hset(self.job.key, STARTED, 1)

    def has_row(self) -> None:
        """Make room for another job: this one waits for a row of an outbox, where waiting costs nobody anything."""
        self.worker.make_room(self.job)

    def answer(self, value: Any) -> None:
        """Store the action's answer, a JSON value."""
        self._finish({"answer": value})

    def fail(self, error: FlashAPIError) -> None:
        """Store an expected failure, which the web tier raises again."""
        self._finish(error.to_wire())

    def drop(self) -> None:
        """Nobody waits any more: forget the job."""
        self._finish(None)

    def _finish(self, result: dict[str, Any] | None) -> None:
        if not self._answered:
            self._answered = True
            self.worker.finish(self.job, result)


class LaneWorker(SimpleWorker):
    """Takes the jobs of one shard and hands each to `take`, which must return at once."""

    def __init__(self, queue_name: str, connection: "redis.Redis", take: Callable[[Ticket], None]) -> None:
        super().__init__(
            [queue_name],
            name=f"{queue_name}-{uuid.uuid4().hex}",
            connection=connection,
            serializer=JSONSerializer,
            log_job_description=False,
        )
        self.log = _QUIET
        self._take = take
        self._ahead: dict[str, str] = {}  # by job: its session
        self._room = threading.Condition()
        self._queue: Queue = self.queues[0]
        self._may_take: Callable[[], bool] = lambda: True

    def run(self, may_take: Callable[[], bool]) -> None:
        """Work until `stop`. While `may_take` is false (the lease is not safe) nothing is taken."""
        self._may_take = may_take
        self.work()

    def stop(self) -> None:
        """Stop taking jobs; returns at once, the thread ends within BLOCK_SECONDS."""
        with self._room:
            self._stop_requested = True
            self._room.notify_all()

    def recover(self) -> int:
        """Deal with what a former owner had taken and not answered; returns how many. Call it before `run`.

        What had not started goes back to the front of the queue, in its order; what had is answered as unknown.
        """
        taken = self.connection.lrange(self._queue.intermediate_queue_key, 0, -1)
        for raw in reversed(taken):  # the list runs from oldest to newest; each goes in front of the one before
            job_id = as_text(raw)
            started = self.connection.hget(Job.key_for(job_id), STARTED)
            if started:
                try:
                    job = Job.fetch(job_id, connection=self.connection, serializer=JSONSerializer)
                except NoSuchJobError:
                    self.connection.lrem(self._queue.intermediate_queue_key, 1, job_id)
                    continue
                self._store(job, OutcomeUnknown().to_wire())
                continue
            with self.connection.pipeline() as pipe:
                pipe.lrem(self._queue.intermediate_queue_key, 1, job_id)
                pipe.lpush(self._queue.key, job_id)
                pipe.execute()
        return len(taken)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Hand the job on; its answer comes later through the ticket. A failure is that job's alone."""
        if not self._wait_for_room(job):
            return  # stopped: the next owner finds it
        try:
            ticket = Ticket(job, self)
        except KeyError:
            log.exception("job_unreadable", job=job.id)
            self.finish(job, FlashAPIError().to_wire())
            return
        if ticket.is_late:
            ticket.drop()
            return
        if ticket.action not in TAKE_NO_ROOM and not self._may_go_ahead(ticket):
            ticket.fail(SessionBusy(retry_after=5))
            return
        try:
            self._take(ticket)
        except Exception:
            log.exception("job_not_taken", action=ticket.action, request_id=ticket.request_id)
            ticket.fail(FlashAPIError())

    def _wait_for_room(self, job: Job) -> bool:
        """Count the job among those taken ahead, as soon as they are few enough; False if stopped."""
        with self._room:
            self._room.wait_for(lambda: self._stop_requested or len(self._ahead) < AHEAD_AT_MOST)
            if self._stop_requested:
                return False
            self._ahead[job.id] = ""
            return True

    def _may_go_ahead(self, ticket: Ticket) -> bool:
        """Count the job as its session's; False if that has too many already."""
        with self._room:
            if list(self._ahead.values()).count(ticket.session_id) >= AHEAD_PER_SESSION:
                return False
            self._ahead[ticket.job.id] = ticket.session_id
            return True

    def make_room(self, job: Job) -> None:
        """Count the job no longer."""
        with self._room:
            self._ahead.pop(job.id, None)
            self._room.notify_all()

    def finish(self, job: Job, result: dict[str, Any] | None) -> None:
        """Store the result and take the id out of the intermediate list, in one MULTI."""
        try:
            self._store(job, result)
        except redis.RedisError as error:
            log.warning("answer_not_stored", job=job.id, error=str(error))
        finally:
            self.make_room(job)

    def _store(self, job: Job, result: dict[str, Any] | None) -> None:
        with self.connection.pipeline() as pipe:
            if result is not None:
                Result.create(job, Result.Type.SUCCESSFUL, ttl=RESULT_TTL_SECONDS, return_value=result, pipeline=pipe)
            pipe.lrem(self._queue.intermediate_queue_key, 1, job.id)
            pipe.delete(job.key)
            pipe.execute()

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job, in steps of BLOCK_SECONDS, through outages of Redis, until stopped."""
        while not self._stop_requested:
            if not self._may_take():
                time.sleep(PAUSE_SECONDS)
                continue
            try:
                return self.queue_class.dequeue_any(
                    self.queues,
                    BLOCK_SECONDS,
                    connection=self.connection,
                    job_class=self.job_class,
                    serializer=self.serializer,
                    death_penalty_class=self.death_penalty_class,
                )
            except DequeueTimeout:
                continue
            except redis.RedisError as error:  # away, or there and refusing: read-only, out of memory, a full disk
                log.warning("redis_away", queue=self._queue.name, error=str(error))
                time.sleep(PAUSE_SECONDS)
        raise StopRequested()

    # What stock RQ does around each job and each second, for dashboards and suspension, is left out.

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """The shard's lease is the sign of life."""

    def bootstrap(self, *_arguments: Any, **_keywords: Any) -> None:
        """No registration: the shard's lease says who works."""

    def teardown(self) -> None:
        """Nothing was registered."""

    def _install_signal_handlers(self) -> None:
        """Signals belong to the process, this is a thread of it."""

    def check_for_suspension(self, burst: bool) -> None:
        """Suspension is a stock RQ command that isn't offered."""

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """No: `recover` does what is needed, at the claim."""
        return False

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Nobody reads it."""

    def procline(self, message: str) -> None:
        """The process is not this thread's to rename."""

    def get_redis_server_version(self) -> tuple[int, int, int]:
        """Asked by rq for each job; what matters is known: 6.2 or newer."""
        return (7, 0, 0)

    def _set_ip_address(self, connection: "redis.Redis") -> None:
        self.ip_address = "unknown"


class _Quiet:
    """rq logs several lines a job; of these matters only why its loop has ended."""

    def error(self, message: str, *arguments: Any, exc_info: bool = False) -> None:
        """Pass it on."""
        log.error("rq_failed", what=message % arguments, exc_info=exc_info)

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments, **_keywords: None


_QUIET: Any = _Quiet()
