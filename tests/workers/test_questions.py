"""A question whose beginning can't be noted is not asked, and keeps no room."""

from typing import Any

import pytest
import redis

from flashapi import shards
from flashapi.connections import Connections
from flashapi.dispatch import Action, Dispatcher
from flashapi.errors import RedisUnavailable
from flashapi.settings import Settings
from tests.workers.rows import add_session
from tests.workers.serving import SlowClient, connect, lease_of, row_of, tools_of
from workers import questions
from workers.lane_worker import LaneWorker, Ticket
from workers.live_session import LiveSession


@pytest.fixture
def database(settings: Settings) -> Settings:
    """What is tested here is the same on each."""
    return settings


def test_a_question_that_cannot_be_marked_as_started_is_not_asked(
    database: Settings, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Asked(SlowClient):
        def call(self, name: str, *_arguments: Any, **_keywords: Any) -> Any:
            asked.append(name)

    def fail(*_arguments: object) -> None:
        raise redis.ConnectionError("away")

    dispatcher = Dispatcher(connections.redis)
    worker = LaneWorker(shards.queue_name("sandbox", 0), connections.redis, lambda _ticket: None)
    job = dispatcher.enqueue("sandbox", 0, "sessao", Action.CHECK_NUMBERS, numbers=["1"])
    with tools_of(database, connections) as tools:
        session = LiveSession(row_of(connections, add_session(connections)), lease_of(connections.redis), tools)
        connect(session, Asked(), tools)
        worker._take = lambda ticket: questions.answer(ticket, session, connections)
        with monkeypatch.context() as away:
            away.setattr(Ticket, "mark_started", fail)
            worker.execute_job(job, worker.queues[0])
    with pytest.raises(RedisUnavailable):
        dispatcher.answer(job, 2)
    assert not asked and not worker._ahead
