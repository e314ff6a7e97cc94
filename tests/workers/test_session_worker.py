"""What a session worker does with its leases when Redis or a shard fails it, and while it ends."""

import time
from collections.abc import Iterator

import pytest
import redis

from flashapi import shards
from flashapi.settings import Settings
from tests.support.servers import wait_until
from tests.workers.serving import lease_of
from workers.held_shard import HeldShard
from workers.lane_worker import LaneWorker
from workers.migrations import migrate
from workers.session_worker import SessionWorker

LEASE = shards.lease_key("sandbox", 0)


@pytest.fixture
def worker(settings: Settings) -> Iterator[SessionWorker]:
    migrate(settings)
    worker = SessionWorker(settings, "sandbox")
    yield worker
    worker._stop()
    worker._connections.close()


def test_a_shard_that_cannot_be_begun_is_given_back(worker: SessionWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    client = worker._connections.redis
    with monkeypatch.context() as away:

        def fail(_worker: LaneWorker) -> int:
            raise redis.ConnectionError("away")

        away.setattr(LaneWorker, "recover", fail)
        with pytest.raises(redis.ConnectionError):
            worker._hold(lease_of(client))
    assert not worker._held and not client.exists(LEASE)
    worker._hold(lease_of(client))
    assert list(worker._held) == [0]


def test_a_shard_whose_end_fails_is_not_renewed_any_more(
    worker: SessionWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker._hold(lease_of(worker._connections.redis))
    held = worker._held[0]

    def fail(_held: HeldShard) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(HeldShard, "end", fail)
        with pytest.raises(RuntimeError):
            worker._give_back(held)
    assert not worker._held
    held.end()


def test_leases_are_renewed_while_the_sessions_are_stopped(
    worker: SessionWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "RENEW_EVERY_SECONDS", 0.05)
    client, registered = worker._connections.redis, shards.workers_key("sandbox", worker._identity)
    worker._hold(lease_of(client))
    worker._start_steps()
    wait_until(lambda: client.exists(registered), "it is counted", 5)
    worker._stopping.set()
    time.sleep(0.2)  # a renewal may have begun before
    client.delete(registered)
    client.pexpire(LEASE, 1_000)
    wait_until(lambda: client.pttl(LEASE) > 1_000, "its lease is renewed", 5)
    assert not client.exists(registered), "the others take over its share"


def test_a_lease_given_back_is_not_taken_again_by_a_late_renewal(worker: SessionWorker) -> None:
    client = worker._connections.redis
    worker._hold(lease_of(client))
    held = worker._held[0]
    held.end()
    worker._renew()  # between the release and the shard's leaving the list
    assert not client.exists(LEASE)
    assert lease_of(client).epoch > held.lease.epoch
    worker._renew()  # raises no LeaseLost, which would end the process
