"""A webhook worker process: wakes the lines of endpoints, keeps their leases, removes what is too old.

Woken by publications, and by a look into the table every few seconds, so that a lost publication costs only these.
"""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable

import redis
import structlog
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from flashapi import bus, cleaning, shards
from flashapi.connections import Connections
from flashapi.errors import DatabaseUnavailable
from flashapi.models.base import now_ms
from flashapi.outgoing import Fetcher
from flashapi.removal import remove_left_behind
from flashapi.settings import Settings
from workers import outbox_retention, retention, webhook_rows
from workers.waiting import wait_for_installation
from workers.webhook_attempts import Deliverer, Patience
from workers.webhook_lines import Lines
from workers.webhook_rows import Way

log = structlog.get_logger()

TICK_SECONDS = 0.5
SWEEP_SECONDS = 3.0
TRIM_SECONDS = 60.0
CLEAN_SECONDS = 30.0
BETWEEN_BATCHES_SECONDS = 0.05
STOP_SECONDS = 8.0
KEPT_CONNECTIONS = 200
"""To endpoints, between their deliveries: one for each, in all but the largest installations."""


def main(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    WebhookWorker(settings, stopping).run()


class WebhookWorker:
    """The lines of one process and what keeps them going."""

    def __init__(self, settings: Settings, stopping: threading.Event, patience: Patience | None = None) -> None:
        self._settings = settings
        self._stopping = stopping
        self._connections = Connections(settings)
        # A lease that can't be renewed now must not keep the others from it, so Redis being away is noticed at once.
        self._connections.redis.set_retry(Retry(ExponentialBackoff(cap=0.1, base=0.02), 2))
        self._fetcher = Fetcher(settings.allow_private_urls, kept=KEPT_CONNECTIONS)
        self._lines = Lines(self._connections, Deliverer(self._connections, settings, self._fetcher, patience))
        self._swept = 0.0

    def run(self) -> None:
        """Work until told to stop; deliveries in flight then have STOP_SECONDS."""
        cleaning.warn(self._settings)
        if not wait_for_installation(self._connections, self._settings, self._stopping):
            return
        webhook_rows.sync_global_endpoint(self._connections, self._settings)
        threads = [
            threading.Thread(target=self._until_stopped, args=(work,), name=name, daemon=True)
            for name, work in (("renew", self._renew), ("trim", self._trim), ("clean", self._clean))
        ]
        for thread in threads:
            thread.start()
        log.info("webhook_worker_started")
        for publication in bus.subscribe(self._connections.redis, bus.DELIVERIES_CHANNEL, tick=TICK_SECONDS):
            if self._stopping.is_set():
                break
            self._wake([(each, Way.LINE) for each in _endpoint_ids(publication)] if publication is not None else [])
            if time.monotonic() - self._swept >= SWEEP_SECONDS:
                self._sweep()
        ends = time.monotonic() + STOP_SECONDS
        finished = self._lines.stop(STOP_SECONDS)
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        if finished and not any(thread.is_alive() for thread in threads):  # else in use, and gone with the process
            self._fetcher.close()
            self._connections.close()
        log.info("webhook_worker_stopped", finished=finished)

    def _wake(self, lines: list[tuple[int, Way]]) -> None:
        try:
            for endpoint_id, way in lines:
                self._lines.wake(endpoint_id, way)
        except redis.RedisError as error:
            log.warning("lines_not_woken", error=str(error))  # the next sweep does it

    def _sweep(self) -> None:
        """Wake every line that has something waiting."""
        try:
            self._wake(webhook_rows.endpoints_with_work(self._connections))
            self._swept = time.monotonic()
        except DatabaseUnavailable:
            log.warning("sweep_waits_for_database")

    def _renew(self) -> float:
        self._lines.renew_leases()
        with contextlib.suppress(redis.RedisError):
            self._connections.redis.set(shards.WEBHOOK_WORKER_KEY, now_ms(), px=shards.LEASE_MS)
        return shards.RENEW_EVERY_SECONDS

    def _trim(self) -> float:
        try:
            more = retention.trim(
                self._connections, self._settings.event_retention, self._settings.event_retention_days
            )
            more |= outbox_retention.trim(self._connections, self._settings.outbox_retention_days)
            if not more:
                remove_left_behind(self._connections)
        except DatabaseUnavailable:
            return TRIM_SECONDS
        return BETWEEN_BATCHES_SECONDS if more else TRIM_SECONDS

    def _clean(self) -> float:
        try:
            cleaning.clean(self._connections, self._settings)
        except DatabaseUnavailable:
            log.warning("cleaning_waits_for_database")
        return CLEAN_SECONDS

    def _until_stopped(self, work: Callable[[], float]) -> None:
        """Call `work` again and again, each time after the pause it asked for; a bug in it ends the process."""
        try:
            while not self._stopping.wait(work()):
                pass
        except BaseException:
            log.exception("webhook_worker_broken")
            self._stopping.set()
            raise


def _endpoint_ids(publication: bytes) -> list[int]:
    try:
        return [int(each) for each in json.loads(publication)]
    except (ValueError, TypeError):
        log.warning("publication_unreadable", size=len(publication))
        return []
