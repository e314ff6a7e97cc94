"""How a session's queue behaves: the gap between two messages, what to do about uncertain ones, the pacing guard.

The JSON of `queues.settings` is the contract's: what the API was given and shows.
"""

import json
import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_GAP_MS = 1_000
LONGEST_GAP_MS = 3_600_000


class Policy(StrEnum):
    """What becomes of a queued send of which nobody can say whether it left."""

    HOLD = "hold"  # it leaves the line as `uncertain`
    RESEND = "resend"  # it goes out again, perhaps a second time


@dataclass(frozen=True)
class Pacing:
    """The guard: at most so many sends in a time, none at night, new contacts more slowly."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    quiet: tuple[str, str] | None = None  # from, to: HH:MM in the installation's zone
    new_contact_gap_ms: int = 0

    @property
    def caps(self) -> list[tuple[int, int]]:
        """The caps that are set: how many, in how many milliseconds."""
        spans = ((self.per_minute, 60_000), (self.per_hour, 3_600_000), (self.per_day, 86_400_000))
        return [(cap, span) for cap, span in spans if cap]


@dataclass(frozen=True)
class QueueSettings:
    """What a session's owner has set."""

    gap_ms: tuple[int, int] = (DEFAULT_GAP_MS, DEFAULT_GAP_MS)
    policy: Policy = Policy.HOLD
    pacing: Pacing = field(default_factory=Pacing)

    def draw_gap_ms(self) -> int:
        """The time from one start to the next: the gap, or one out of its range."""
        low, high = self.gap_ms
        return low if low == high else random.randint(low, high)

    @property
    def mean_gap_ms(self) -> int:
        """What the gap is on the average."""
        return sum(self.gap_ms) // 2


def read(stored: str | None) -> QueueSettings:
    """From the column."""
    return from_json(json.loads(stored)) if stored else QueueSettings()


def from_json(given: dict[str, Any]) -> QueueSettings:
    """From the API's JSON."""
    gap = given.get("gap", DEFAULT_GAP_MS)
    low, high = gap if isinstance(gap, list) else (gap, gap)
    pacing = given.get("pacing") or {}
    quiet = pacing.get("quietHours")
    return QueueSettings(
        (low, high),
        Policy(given.get("policy", Policy.HOLD)),
        Pacing(
            pacing.get("perMinute"),
            pacing.get("perHour"),
            pacing.get("perDay"),
            (quiet["from"], quiet["to"]) if quiet else None,
            pacing.get("newContactGap") or 0,
        ),
    )


def to_json(settings: QueueSettings) -> dict[str, Any]:
    """As the API shows it."""
    low, high = settings.gap_ms
    pacing = settings.pacing
    return {
        "gap": low if low == high else [low, high],
        "policy": settings.policy.value,
        "pacing": {
            "perMinute": pacing.per_minute,
            "perHour": pacing.per_hour,
            "perDay": pacing.per_day,
            "quietHours": {"from": pacing.quiet[0], "to": pacing.quiet[1]} if pacing.quiet else None,
            "newContactGap": pacing.new_contact_gap_ms,
        },
    }
