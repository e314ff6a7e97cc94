"""One turn of a delivery: call the endpoint, then deliver, try again, move aside, give up, or pause the line.

Order holds while the endpoint is away: the head is tried again and again, the others wait. Only when the endpoint takes
other deliveries and goes on to refuse the head, which it has for minutes, is that one alone moved to the slow lane. To
find that out one is sent ahead, and marked if it gets through. An endpoint that asks for time gets it first, and one
that doesn't answer at all is asked by a test: it may just have come back, and then the head is next.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

import structlog

from flashapi import bus
from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.dispatch import Dispatcher
from flashapi.media.embedding import Embedder
from flashapi.media.spool import Spool
from flashapi.models import now_ms
from flashapi.models.events import DeliveryState, PauseReason
from flashapi.outgoing import Fetcher
from flashapi.settings import Settings
from flashapi.webhooks import attempts, secrets
from flashapi.webhooks.calls import Attempt, call, destination_of
from flashapi.webhooks.events import WebhookTest, unrecorded
from workers import webhook_rows
from workers.webhook_rows import Head

log = structlog.get_logger()

EXPIRED = "O evento não está mais guardado"
SWITCHED_OFF = "O webhook foi desligado"
REFUSED_AGAIN = 2
"""So often a head must be refused after its endpoint took another: one may be the end of an outage, or a full queue."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long what is tried. All in seconds."""

    first_pause: float = 1.0
    longest_pause: float = 60.0
    jitter: float = 0.25
    """Each pause is longer by a random share of itself, up to this: endpoints that failed together come back apart."""
    move_after: float = 300.0
    first_slow_pause: float = 300.0
    longest_slow_pause: float = 3_600.0
    slow_for: float = 24 * 3_600.0
    doubt_for: float = 3_600.0
    """So long a silent endpoint must answer a test, and one that asks for time isn't called by others, before its head
    is believed to be at fault."""
    pause_after: float = 24 * 3_600.0

    def pause(self, failures: int, attempt: Attempt) -> float:
        """How long the head waits after its nth failure."""
        return self._growing(self.first_pause, self.longest_pause, failures, attempt)

    def slow_pause(self, failures: int, attempt: Attempt) -> float:
        """How long a delivery in the slow lane waits."""
        return self._growing(self.first_slow_pause, self.longest_slow_pause, failures, attempt)

    def _growing(self, first: float, longest: float, failures: int, attempt: Attempt) -> float:
        pause = min(first * 2.0 ** min(failures - 1, 30), longest)
        return max(pause * random.uniform(1.0, 1.0 + self.jitter), attempt.retry_after_seconds)


class Deliverer:
    """What lines do with their heads. For any number of threads."""

    def __init__(
        self, connections: Connections, settings: Settings, fetcher: Fetcher, patience: Patience | None = None
    ) -> None:
        self._connections = connections
        self._settings = settings
        self._fetcher = fetcher
        self._embedder = Embedder(connections, Dispatcher(connections.redis), Spool(settings))
        self._patience = patience or Patience(pause_after=settings.webhook_pause_hours * 3_600)
        self._owed: dict[int, int] = {}
        """By endpoint, the head that is to be preceded by another delivery at its next turn: its own answer asked for
        time."""

    def deal_with(self, head: Head) -> None:
        """Call the endpoint and write down what comes of it. Raises DatabaseUnavailable."""
        if head.moved_at is None and self._owed.pop(head.endpoint_id, None) == head.id and self._try_another(head):
            return
        attempt = self._try(head)
        if attempt is None or attempt.delivered or attempt.gone:
            return
        if head.moved_at is None and self._has_failed_for(head, self._patience.move_after):
            self._find_out(head, attempt)
        self._pause_if_hopeless(head.endpoint_id)

    def _find_out(self, head: Head, attempt: Attempt) -> None:
        """Whether the head is at fault or the endpoint; a head that is goes aside."""
        doubtful = not self._has_failed_for(head, self._patience.doubt_for)
        if self._answers_others(head):
            if self._is_refused_again(head):
                self._move(head, attempt)
        elif attempt.retry_after_seconds > 0:
            if not doubtful:
                self._owed[head.endpoint_id] = head.id
        elif attempt.status_code is not None or not doubtful or self._fails_beside_a_test(head):
            self._try_another(head)

    def _fails_beside_a_test(self, head: Head) -> bool:
        """Whether the endpoint answers a test, and still not the head, which is tried once more if it does."""
        assert head.event is not None
        told = WebhookTest(endpoint=head.endpoint_id, probe=True)
        probe = unrecorded(told, head.event.session_id, head.event.session_name)
        test = self._call(head, probe)
        log.info("endpoint_probed", endpoint=head.endpoint_id, status=test.status_code, error=test.error)
        if test.status_code is None or self._must_wait(head, test):
            return False
        again = self._try(replace(head, attempts=head.attempts + 1))
        return again is not None and not (again.delivered or again.gone) and again.retry_after_seconds == 0

    def _try_another(self, head: Head) -> bool:
        """Send one that was never tried ahead of the head; whether its answer says not to call for the head now."""
        other = webhook_rows.untried_behind(self._connections, head)
        attempt = self._try(other, probe=True) if other else None
        return attempt is not None and (attempt.gone or self._must_wait(head, attempt))

    def _must_wait(self, head: Head, attempt: Attempt) -> bool:
        """Whether an answer to another call asked for time; the head then has its turn after that."""
        if attempt.retry_after_seconds == 0:
            return False
        until = now_ms() + round(attempt.retry_after_seconds * 1_000)
        return webhook_rows.postpone(self._connections, head, until)

    def _try(self, head: Head, probe: bool = False) -> Attempt | None:
        """One call, recorded; None if there was nothing to call with, or somebody else has recorded one meanwhile."""
        if not head.endpoint.enabled or head.event is None:
            webhook_rows.bury(self._connections, head, EXPIRED if head.event is None else SWITCHED_OFF)
            return None
        attempt = self._call(head, head.event)
        if not webhook_rows.record(self._connections, head, attempt, self._outcome(head, attempt, probe)):
            log.warning("delivery_recorded_elsewhere", delivery=head.id)
            return None
        if attempt.delivered:
            log.debug("delivered", delivery=head.id, endpoint=head.endpoint_id)
        else:
            log.info("delivery_failed", delivery=head.id, endpoint=head.endpoint_id, error=attempt.error)
        if attempt.gone:
            self._pause(head.endpoint_id, PauseReason.GONE)
        return attempt

    def _call(self, head: Head, event: Recorded) -> Attempt:
        try:
            destination = destination_of(self._settings.webhook_secret_key, head.endpoint)
        except secrets.CannotOpen as error:  # unsigned it must not go: its receiver would have to refuse it
            return Attempt(at=now_ms(), error=str(error))
        return call(self._fetcher, destination, self._embedder.embed(event))

    def _outcome(self, head: Head, attempt: Attempt, probe: bool) -> dict[str, Any]:
        """What an attempt makes of its delivery. A probe has not failed as the head so far, or has overtaken it."""
        moment = now_ms()
        if attempt.delivered:
            overtaking = {"moved_at": moment} if probe else {}
            return {**overtaking, "state": DeliveryState.DELIVERED, "finished_at": moment}
        failing = {} if probe else {"failing_since": head.failing_since or attempt.at}
        slow_ends = None if head.moved_at is None else head.moved_at + self._patience.slow_for * 1_000
        if attempt.gone or (slow_ends is not None and moment >= slow_ends):
            return {**failing, "state": DeliveryState.DEAD, "finished_at": moment}
        pause = self._patience.pause if head.moved_at is None else self._patience.slow_pause
        failures = head.attempts + 1
        return {**failing, "next_at": moment + round(pause(failures, attempt) * 1_000)}

    def _has_failed_for(self, head: Head, seconds: float) -> bool:
        return head.failing_since is not None and now_ms() - head.failing_since >= seconds * 1_000

    def _answers_others(self, head: Head) -> bool:
        """Whether the endpoint has taken another delivery, or a test, while it refused this one."""
        assert head.failing_since is not None
        return webhook_rows.answered_since(self._connections, head.endpoint_id, head.failing_since)

    def _is_refused_again(self, head: Head) -> bool:
        """Whether it keeps being refused now that the endpoint takes others."""
        with self._connections.reading() as connection:
            refusals = attempts.refusals_since_success(connection, head.id, head.endpoint_id)
        return refusals >= REFUSED_AGAIN

    def _move(self, head: Head, attempt: Attempt) -> None:
        pause = self._patience.slow_pause(1, attempt)
        webhook_rows.move(self._connections, head, now_ms() + round(pause * 1_000))
        log.warning("delivery_moved_aside", delivery=head.id, endpoint=head.endpoint_id)

    def _pause_if_hopeless(self, endpoint_id: int) -> None:
        before = now_ms() - round(self._patience.pause_after * 1_000)
        self._pause(endpoint_id, PauseReason.FAILING, failing_before=before)

    def _pause(self, endpoint_id: int, reason: PauseReason, failing_before: int | None = None) -> None:
        told = webhook_rows.pause(self._connections, endpoint_id, reason, failing_before=failing_before)
        if told:
            log.warning("webhook_paused", endpoint=endpoint_id, reason=reason.value)
            bus.announce(self._connections.redis, told)
