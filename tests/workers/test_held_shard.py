"""A held shard: one session does not hold up another, and whatever fails, jobs are taken while the lease lives."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from flashapi import shards
from flashapi.connections import Connections
from flashapi.dispatch import Action, Dispatcher
from flashapi.errors import NotFound, NoWorker, SessionBusy, SessionNotConnected, SessionNotFound
from flashapi.models.sessions import State, Wanted, sessions
from flashapi.settings import Settings
from tests.support.servers import wait_until
from tests.workers.rows import add_send, add_session
from tests.workers.serving import GROUP, SlowClient, connect, lease_of, session_in, tools_of
from workers import lane_worker
from workers.held_shard import HeldShard
from workers.tools import Tools


@pytest.fixture
def database(settings: Settings) -> Settings:
    """What is tested here is the same on each."""
    return settings


@pytest.fixture
def tools(database: Settings, connections: Connections) -> Iterator[Tools]:
    with tools_of(database, connections) as tools:
        yield tools


@pytest.fixture
def session_id(connections: Connections) -> str:
    return add_session(connections, wanted=Wanted.STOPPED, state=State.DISCONNECTED)


@pytest.fixture
def held(tools: Tools, connections: Connections, session_id: str) -> Iterator[HeldShard]:
    held = HeldShard(lease_of(connections.redis), tools)
    held.begin()
    yield held
    held.end()


def ask(connections: Connections, session_id: str) -> object:
    return Dispatcher(connections.redis).ask("sandbox", 0, session_id, Action.CHECK_NUMBERS, wait=4, numbers=["1"])


@pytest.fixture
def room_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_worker, "AHEAD_AT_MOST", 2)


@pytest.mark.usefixtures("room_for_two")
def test_sends_that_wait_for_a_lost_ack_do_not_keep_jobs_of_other_sessions(
    held: HeldShard, tools: Tools, connections: Connections, session_id: str
) -> None:
    other = add_session(connections, wanted=Wanted.STOPPED, state=State.DISCONNECTED)
    client = SlowClient()
    connect(session_in(held, session_id), client, tools)
    dispatcher = Dispatcher(connections.redis)
    for _ in range(4):
        row = add_send(connections, session_id, direct=True, recipient=GROUP)
        job = dispatcher.enqueue("sandbox", 0, session_id, Action.SEND, row=row)
    assert client.sending.wait(5)
    with pytest.raises(SessionNotConnected):  # its answer, within seconds
        ask(connections, other)
    client.acked.set()
    assert dispatcher.answer(job, 5)["message_id"]


def test_an_action_of_a_newer_web_tier_fails_alone(
    held: HeldShard, connections: Connections, session_id: str
) -> None:
    unknown: Any = SimpleNamespace(value="teleport")
    dispatcher = Dispatcher(connections.redis)
    job = dispatcher.enqueue("sandbox", 0, session_id, unknown)
    with pytest.raises(NoWorker):
        dispatcher.answer(job, 4)
    assert not connections.redis.llen("rq:queue:sandbox-0:intermediate"), "a worker has answered it"
    with pytest.raises(SessionNotConnected):
        ask(connections, session_id)


def test_a_job_thread_that_has_died_is_started_again_by_the_look(
    held: HeldShard, connections: Connections, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(held._worker, "heartbeat", lambda: 1 / 0)
        with pytest.raises(SessionNotConnected):
            ask(connections, session_id)
        assert held._thread is not None
        held._thread.join(5)
        assert not held._thread.is_alive()
    held.look()
    with pytest.raises(SessionNotConnected):
        ask(connections, session_id)


def test_questions_of_a_deleted_session_are_answered(
    held: HeldShard, connections: Connections, session_id: str
) -> None:
    stuck = threading.Event()
    session = session_in(held, session_id)
    for _ in range(2):
        session.questions.put(lambda: stuck.wait(10) and None)
    dispatcher = Dispatcher(connections.redis)
    job = dispatcher.enqueue("sandbox", 0, session_id, Action.CHECK_NUMBERS, numbers=["1"])
    wait_until(lambda: len(session.questions), "it waits behind the others", 5)
    with connections.transaction() as connection:
        connection.execute(sessions.delete())
    held.look()
    with pytest.raises(SessionNotFound):
        dispatcher.answer(job, 4)
    stuck.set()
    wait_until(lambda: not held._worker._ahead, "there is room again", 5)


def test_one_session_with_many_questions_leaves_room_for_the_others(
    held: HeldShard, connections: Connections, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_worker, "AHEAD_PER_SESSION", 3)
    other = add_session(connections, wanted=Wanted.STOPPED, state=State.DISCONNECTED)
    stuck = threading.Event()
    session = session_in(held, session_id)
    for _ in range(2):
        session.questions.put(lambda: stuck.wait(10) and None)
    dispatcher = Dispatcher(connections.redis)
    waiting = [
        dispatcher.enqueue("sandbox", 0, session_id, Action.CHECK_NUMBERS, numbers=["1"]) for _ in range(3)
    ]
    with pytest.raises(SessionBusy) as busy:
        ask(connections, session_id)
    assert busy.value.status == 503 and busy.value.details["retry_after"]
    with pytest.raises(SessionNotConnected):  # its answer
        ask(connections, other)
    row = add_send(connections, session_id, direct=True, recipient=GROUP)
    with pytest.raises(SessionNotConnected):  # a send takes no room
        dispatcher.answer(dispatcher.enqueue("sandbox", 0, session_id, Action.SEND, row=row), 4)
    stuck.set()
    for job in waiting:
        with pytest.raises(SessionNotConnected):
            dispatcher.answer(job, 4)
    with pytest.raises(SessionNotConnected):
        ask(connections, session_id)


def test_the_end_of_a_shard_that_was_not_begun_frees_it(tools: Tools, connections: Connections) -> None:
    HeldShard(lease_of(connections.redis), tools).end()
    assert shards.claim(connections.redis, "sandbox", 0, "another") is not None


def test_what_cannot_be_released_is_left_to_expire(
    tools: Tools, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of(connections.redis)
    held = HeldShard(lease, tools)
    held.begin()

    def fail(*_arguments: object) -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as away:
        away.setattr(connections.redis, "eval", fail)
        held.end()
    before = connections.redis.pttl(shards.lease_key("sandbox", 0))
    assert lease.renew() is False and not lease.is_safe()
    assert connections.redis.pttl(shards.lease_key("sandbox", 0)) <= before


def test_a_deleted_row_is_told_to_its_caller(held: HeldShard, connections: Connections, session_id: str) -> None:
    job = Dispatcher(connections.redis).enqueue("sandbox", 0, session_id, Action.SEND, row=987)
    with pytest.raises(NotFound):
        Dispatcher(connections.redis).answer(job, 4)
