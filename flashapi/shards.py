"""Who may speak to WhatsApp for a session: the shard it belongs to and the lease on that shard."""

import os
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import redis

LEASE_MS = 6_000
RENEW_EVERY_SECONDS = 2.0
SAFETY_SECONDS = 1.0
"""A holder stops acting this long before its lease ends."""

EPOCH_KEY = "flashapi:epoch"
"""Made by the first claim of a shard and by nothing else: where it is missing, Redis has lost its data."""
LINES_EPOCH_KEY = "flashapi:epoch-of-lines"
"""The counter of the webhook lines, which are claimed again at once whatever Redis has lost."""
EPOCH_MISSED_KEY = "flashapi:epoch-missed"
"""When its absence was first noticed, in ms."""
WEBHOOK_WORKER_KEY = "flashapi:webhook-worker"
"""Is there while a webhook worker lives."""

# The counter starts at the clock, so that a Redis that lost its data can't hand out an epoch twice.
_CLAIM = """
if redis.call('exists', KEYS[1]) == 1 then return false end
if redis.call('exists', KEYS[2]) == 0 then redis.call('set', KEYS[2], ARGV[3]) end
local epoch = redis.call('incr', KEYS[2])
redis.call('set', KEYS[1], ARGV[1] .. ':' .. epoch, 'px', ARGV[2])
return epoch
"""
# 1 renewed, 2 retaken (the key had vanished), 0 somebody else's.
_RENEW = """
local value = redis.call('get', KEYS[1])
if value == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) return 1 end
if value == false then redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2]) return 2 end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


def shard_of(session_id: str, shards: int) -> int:
    """The shard a session belongs to."""
    return zlib.crc32(session_id.encode()) % shards


def lease_key(mode: str, shard: int) -> str:
    """The Redis key that says who owns the shard."""
    return f"flashapi:lease:{mode}:{shard}"


def workers_key(mode: str, identity: str = "*") -> str:
    """The Redis key by which a living session worker is counted; the pattern of all without an identity."""
    return f"flashapi:worker:{mode}:{identity}"


def queue_name(mode: str, shard: int) -> str:
    """The RQ queue of the shard."""
    return f"{mode}-{shard}"


def new_identity() -> str:
    """host:pid:nonce of this process. The first two let a supervisor find the leases of a child it has reaped."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def clock() -> float:
    """Seconds since boot, sleep included: a suspended machine must not think that its lease still runs."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseLost(Exception):
    """The shard has a new owner: this process must end at once, before WhatsApp sees two logins of one device."""


@dataclass
class Lease:
    """The right to act for one shard, for a few seconds at a time."""

    client: "redis.Redis"
    mode: str
    shard: int
    identity: str
    epoch: int
    ends: float
    _released: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @property
    def value(self) -> str:
        """What stands in the lease key while it is ours."""
        return f"{self.identity}:{self.epoch}"

    def is_safe(self) -> bool:
        """Whether there is time left to act. Ask before each action."""
        return not self._released and clock() < self.ends - SAFETY_SECONDS

    def renew(self) -> bool:
        """Extend the lease; True if its key had vanished and was set anew. Does nothing once released.

        Raises LeaseLost.
        """
        with self._lock:
            if self._released:
                return False
            asked = clock()
            answer = self.client.eval(_RENEW, 1, lease_key(self.mode, self.shard), self.value, LEASE_MS)
            if not answer:
                raise LeaseLost(f"{self.mode} shard {self.shard}")
            self.ends = asked + LEASE_MS / 1000
            return bool(answer == 2)

    def release(self) -> None:
        """Give the shard up, if it is still ours. If this raises redis.RedisError, the lease ends by itself."""
        with self._lock:
            self._released = True
            self.client.eval(_RELEASE, 1, lease_key(self.mode, self.shard), self.value)


def claim(
    client: "redis.Redis", mode: str, shard: int, identity: str, *, epoch_key: str = EPOCH_KEY
) -> Lease | None:
    """Take a free shard; None if it has an owner."""
    asked = clock()
    epoch = client.eval(
        _CLAIM, 2, lease_key(mode, shard), epoch_key, identity, LEASE_MS, time.time_ns() // 1_000_000
    )
    if epoch is None:
        return None
    return Lease(client, mode, shard, identity, int(epoch), asked + LEASE_MS / 1000)


def epochs_of(client: "redis.Redis", pairs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """(mode, shard) → epoch of its living lease, for those that have an owner; one MGET."""
    wanted = sorted(set(pairs))
    if not wanted:
        return {}
    values: list[Any] = client.mget([lease_key(mode, shard) for mode, shard in wanted])
    return {
        pair: int(value.rsplit(b":", 1)[1]) for pair, value in zip(wanted, values, strict=True) if value is not None
    }


def drop_leases_of(client: "redis.Redis", host: str, pid: int) -> int:
    """Delete every lease and worker key of a process known to be dead; returns how many."""
    dropped = 0
    for pattern, of_value in (("flashapi:lease:*", True), ("flashapi:worker:*", False)):
        for key in client.scan_iter(pattern, count=500):
            text: Any = client.get(key) if of_value else key.split(b":", 3)[3]
            if text is not None and text.startswith(f"{host}:{pid}:".encode()):
                dropped += client.delete(key)
    return dropped


