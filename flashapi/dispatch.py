"""The one door from the web tier to WhatsApp: put a job on the shard's queue, wait for its answer.

A call nobody takes within TAKEN_WITHIN_SECONDS is withdrawn, so that it can't happen later unseen.
"""

import time
import uuid
from enum import StrEnum
from typing import Any

import redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from flashapi import shards
from flashapi.errors import NoWorker, OutcomeUnknown, RedisUnavailable, from_wire
from flashapi.models.base import now_ms

TAKEN_WITHIN_SECONDS = 5.0
QUESTION_WAIT_SECONDS = 20.0
RESULT_TTL_SECONDS = 120
NUDGE_WITHIN_MS = 60_000


class Action(StrEnum):
    """What a worker can be asked: the first two of its session, the others are questions in `workers.actions`."""

    NUDGE = "nudge"  # look at the session's wanted state now
    SEND = "send"  # look at the session's outbox now; with a row, answer its outcome
    CHECK_NUMBERS = "check_numbers"
    SYNCHRONISE = "synchronise"
    CONTACT_NAMES = "contact_names"
    CONTACT_PROFILE = "contact_profile"
    BLOCK_CONTACT = "block_contact"
    BLOCKLIST = "blocklist"
    PICTURE = "picture"
    GROUP_INFO = "group_info"
    CREATE_GROUP = "create_group"
    CHANGE_PARTICIPANTS = "change_participants"
    LEAVE_GROUP = "leave_group"
    SET_GROUP_SUBJECT = "set_group_subject"
    SET_GROUP_DESCRIPTION = "set_group_description"
    SET_GROUP_PICTURE = "set_group_picture"
    SET_GROUP_SETTINGS = "set_group_settings"
    INVITE_LINK = "invite_link"
    LOOK_AT_LINK = "look_at_link"
    JOIN_GROUP = "join_group"
    JOIN_REQUESTS = "join_requests"
    SHOW_TYPING = "show_typing"
    MARK_READ = "mark_read"
    SUBSCRIBE_PRESENCE = "subscribe_presence"
    DOWNLOAD_MEDIA = "download_media"


class Dispatcher:
    """Enqueues for session workers over one Redis client."""

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client

    def ask(self, mode: str, shard: int, session_id: str, action: Action, *, request_id: str | None = None,
            wait: float = QUESTION_WAIT_SECONDS, **keywords: Any) -> Any:
        """Run an action and return its answer, a JSON value.

        Raises what the action raised, NoWorker when nobody took it, OutcomeUnknown when the wait ran out.
        """
        job = self.enqueue(mode, shard, session_id, action, request_id=request_id,
                           within_ms=int(wait * 1000), **keywords)
        return self.answer(job, wait)

    def enqueue(self, mode: str, shard: int, session_id: str, action: Action, *, request_id: str | None = None,
                within_ms: int = NUDGE_WITHIN_MS, **keywords: Any) -> Job:
        """Put a job on the shard's queue: one MULTI of HSET and RPUSH. What is to be done stands in its `meta`."""
        queue = Queue(shards.queue_name(mode, shard), connection=self.client, serializer=JSONSerializer)
        job = Job.create(
            func="flashapi.action",  # names nothing: RQ wants one, LaneWorker goes by `meta`
            kwargs=keywords,
            id=f"{action.value}-{uuid.uuid4().hex}",
            connection=self.client,
            serializer=JSONSerializer,
            origin=queue.name,
            status=JobStatus.QUEUED,
            result_ttl=RESULT_TTL_SECONDS,
            description=action.value,
            meta={
                "action": action.value,
                "session": session_id,
                "deadline": now_ms() + within_ms,
                "request": request_id,
            },
        )
        try:
            with self.client.pipeline() as pipe:
                job.save(pipeline=pipe)
                pipe.expire(job.key, RESULT_TTL_SECONDS + within_ms // 1000)
                queue.push_job_id(job.id, pipeline=pipe)
                pipe.execute()
        except redis.RedisError as error:
            raise RedisUnavailable() from error
        return job

    def answer(self, job: Job, wait: float) -> Any:
        """Wait up to `wait` seconds for the job's answer, at first only until somebody has taken it."""
        ends = time.monotonic() + wait
        try:
            result = _result_within(job, min(TAKEN_WITHIN_SECONDS, wait))
            if result is None:
                if self.withdraw(job):
                    raise NoWorker(retry_after=5)
                result = _result_within(job, ends - time.monotonic())
        except redis.RedisError as error:
            raise OutcomeUnknown() from error
        if result is None:
            raise OutcomeUnknown()
        if isinstance(result, dict) and "error" in result:
            raise from_wire(result)
        return result["answer"]

    def withdraw(self, job: Job) -> bool:
        """Take the job back from its queue; False if a worker has it already."""
        queue_key = Queue(job.origin, connection=self.client, serializer=JSONSerializer).key
        taken_back = self.client.lrem(queue_key, 1, job.id)
        if taken_back:
            self.client.delete(job.key)
        return bool(taken_back)


def _result_within(job: Job, seconds: float) -> Any:
    """The job's stored value, or None after `seconds`. XREAD counts whole seconds in rq, so ask Redis ourselves."""
    from_start: Any = {f"rq:results:{job.id}": "0-0"}
    response = job.connection.xread(from_start, block=max(1, int(seconds * 1000)))
    if not response:
        return None
    result = job.latest_result()
    return result.return_value if result is not None else None
