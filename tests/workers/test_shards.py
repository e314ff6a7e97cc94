"""Leases: what tells session workers that Redis has lost its data."""

from typing import Any

from flashapi import shards
from flashapi.connections import Connections
from tests.workers.serving import lease_of
from workers.webhook_lines import Lines
from workers.webhook_rows import Way


def test_webhook_lines_do_not_hide_that_redis_has_lost_its_data(connections: Connections) -> None:
    nobody: Any = None
    lines = Lines(connections, nobody)
    lines.wake(1)
    assert connections.redis.exists(shards.lease_key(Way.LINE, 1))
    assert not connections.redis.exists(shards.EPOCH_KEY)
    lease_of(connections.redis)
    assert connections.redis.exists(shards.EPOCH_KEY)
    assert lines.stop(5)
