"""RQ without fork. rq is pinned; what is overridden of it must be there, and do what it is overridden for."""

import inspect
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from rq import SimpleWorker
from rq.job import Job

from flashapi import shards
from flashapi.dispatch import Action, Dispatcher
from flashapi.errors import FlashAPIError, NotRegistered, NoWorker, OutcomeUnknown
from flashapi.settings import Settings
from tests.support.servers import wait_until
from workers import lane_worker
from workers.lane_worker import LaneWorker, Ticket

QUEUE = shards.queue_name("sandbox", 3)
OVERRIDDEN = [
    name
    for name, value in vars(LaneWorker).items()
    if (callable(value) or isinstance(value, property)) and hasattr(SimpleWorker, name) and name != "__init__"
]


@pytest.fixture
def client(settings: Settings) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(settings.redis_url, socket_timeout=None) as connected:
        yield connected


@contextmanager
def working(worker: LaneWorker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run, args=(lambda: True,))
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(5)
        assert not thread.is_alive()


def ask(client: "redis.Redis", number: int, wait: float = 10) -> object:
    return Dispatcher(client).ask("sandbox", 3, "sessao", Action.CHECK_NUMBERS, wait=wait, numbers=[str(number)])


def test_the_methods_overridden_here_are_rqs() -> None:
    assert {"execute_job", "dequeue_job_and_maintain_ttl", "heartbeat", "bootstrap", "teardown"} <= set(OVERRIDDEN)
    for name in OVERRIDDEN:
        ours, theirs = getattr(LaneWorker, name), getattr(SimpleWorker, name)
        if not callable(ours):
            continue
        required = [
            parameter
            for parameter in inspect.signature(theirs).parameters.values()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        inspect.signature(ours).bind(*range(len(required)))  # raises TypeError where rq's call would


def test_an_answer_reaches_its_caller_and_leaves_nothing_behind(client: "redis.Redis") -> None:
    with working(LaneWorker(QUEUE, client, lambda ticket: ticket.answer(ticket.keywords))):
        assert ask(client, 1) == {"numbers": ["1"]}
    assert client.llen(f"rq:queue:{QUEUE}") == client.llen(f"rq:queue:{QUEUE}:intermediate") == 0


def test_an_expected_failure_is_raised_at_the_caller(client: "redis.Redis") -> None:
    worker = LaneWorker(QUEUE, client, lambda ticket: ticket.fail(NotRegistered("não existe", field="to")))
    with working(worker), pytest.raises(NotRegistered, match="não existe") as caught:
        ask(client, 1)
    assert caught.value.details == {"field": "to"}


def test_a_call_nobody_takes_is_withdrawn(client: "redis.Redis") -> None:
    with pytest.raises(NoWorker):
        ask(client, 1, wait=0.2)
    assert client.llen(f"rq:queue:{QUEUE}") == 0


def test_a_call_that_is_taken_and_not_answered_has_an_unknown_outcome(client: "redis.Redis") -> None:
    with working(LaneWorker(QUEUE, client, lambda _ticket: None)), pytest.raises(OutcomeUnknown):
        ask(client, 1, wait=0.3)


def test_a_job_whose_caller_has_gone_is_not_run(client: "redis.Redis") -> None:
    ran: list[str] = []
    Dispatcher(client).enqueue("sandbox", 3, "sessao", Action.CHECK_NUMBERS, within_ms=-1, numbers=["late"])
    with working(LaneWorker(QUEUE, client, lambda ticket: ran.append("ran") or ticket.answer(1))):  # type: ignore[func-returns-value]
        assert ask(client, 2) == 1
    assert ran == ["ran"]


def test_nothing_is_taken_while_the_lease_is_not_safe(client: "redis.Redis") -> None:
    safe = threading.Event()
    worker = LaneWorker(QUEUE, client, lambda ticket: ticket.answer("done"))
    thread = threading.Thread(target=worker.run, args=(safe.is_set,))
    thread.start()
    try:
        job = Dispatcher(client).enqueue("sandbox", 3, "sessao", Action.CHECK_NUMBERS, numbers=[])
        assert client.xread({f"rq:results:{job.id}": "0-0"}, block=300) in (None, [], {})
        safe.set()
        assert Dispatcher(client).answer(job, 5) == "done"
    finally:
        worker.stop()
        thread.join(5)


def test_a_stop_is_heard_within_the_blocking_pop(client: "redis.Redis") -> None:
    began = time.monotonic()
    with working(LaneWorker(QUEUE, client, lambda ticket: ticket.answer(1))):
        assert ask(client, 1) == 1
    assert time.monotonic() - began < 3


def test_a_redis_that_refuses_is_waited_for(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    refused = threading.Event()

    def refuse(*_arguments: object, **_keywords: object) -> None:
        refused.set()
        raise redis.ReadOnlyError("You can't write against a read only replica.")

    worker = LaneWorker(QUEUE, client, lambda ticket: ticket.answer("done"))
    with monkeypatch.context() as read_only:
        read_only.setattr(worker.queue_class, "dequeue_any", refuse)
        thread = threading.Thread(target=worker.run, args=(lambda: True,))
        thread.start()
        assert refused.wait(5)
        thread.join(0.2)
    assert ask(client, 1) == "done"
    worker.stop()
    thread.join(5)


def test_a_job_that_cannot_be_handed_on_fails_alone(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_worker, "AHEAD_AT_MOST", 1)

    def take(ticket: Ticket) -> None:
        ticket.answer(10 // int(ticket.keywords["numbers"][0]))

    worker = LaneWorker(QUEUE, client, take)
    with working(worker):
        with pytest.raises(FlashAPIError):
            ask(client, 0)
        nobodys = Dispatcher(client).enqueue("sandbox", 3, "sessao", Action.CHECK_NUMBERS)
        nobodys.meta.clear()
        worker.execute_job(nobodys, worker.queues[0])
        assert ask(client, 5) == 2


def test_a_stop_is_heard_while_there_is_no_room(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_worker, "AHEAD_AT_MOST", 1)
    taken = threading.Event()
    with working(LaneWorker(QUEUE, client, lambda _ticket: taken.set())):
        for number in range(2):
            Dispatcher(client).enqueue("sandbox", 3, "sessao", Action.CHECK_NUMBERS, numbers=[str(number)])
        assert taken.wait(5)
        wait_until(lambda: not client.llen(f"rq:queue:{QUEUE}"), "the second one waits for room", 5)
    assert LaneWorker(QUEUE, client, lambda _ticket: None).recover() == 2


def test_after_a_crash_what_had_not_started_runs_in_order_and_the_rest_is_unknown(client: "redis.Redis") -> None:
    taken: list[Ticket] = []
    everything = threading.Event()

    def keep(ticket: Ticket) -> None:
        taken.append(ticket)
        if len(taken) == 3:
            everything.set()

    dispatcher = Dispatcher(client)
    jobs: list[Job] = [
        dispatcher.enqueue("sandbox", 3, "sessao", Action.CHECK_NUMBERS, numbers=[str(number)]) for number in range(3)
    ]
    with working(LaneWorker(QUEUE, client, keep)):  # ends without an answer, as a killed process does
        assert everything.wait(5)
        taken[0].mark_started()
    order: list[str] = []

    def run(ticket: Ticket) -> None:
        order.append(ticket.keywords["numbers"][0])
        ticket.answer("done")

    successor = LaneWorker(QUEUE, client, run)
    assert successor.recover() == 3
    with working(successor):
        assert dispatcher.answer(jobs[1], 5) == dispatcher.answer(jobs[2], 5) == "done"
        with pytest.raises(OutcomeUnknown):
            dispatcher.answer(jobs[0], 5)
    assert order == ["1", "2"]
