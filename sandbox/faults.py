"""What is made to go wrong: per account, or for the whole network under the key None.

A TCP connection has no account before its handshake is over. So `down` for one account closes its connections after
the client has said who it is, while `down` for the network resets every connection at once, before any answer. A
`blackhole` holds back both directions and lets them go when it ends, as a path that has lost its packets would; a
client whose patience is shorter has given up by then.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field

Scope = str | None  # an account's number, or None for everybody


@dataclass(slots=True)
class Trouble:
    """The faults of one scope; times are those of time.monotonic()."""

    down_until: float = 0.0
    blackhole_until: float = 0.0
    latency: float = 0.0  # seconds
    nack_code: int = 0
    nacks_left: int = 0
    lost_acks_left: int = 0
    outdated: bool = False
    media_silent_until: float = 0.0
    media_code: int = 0
    media_errors_left: int = 0
    garbles_left: int = 0


@dataclass(slots=True)
class Faults:
    """The faults in force, asked at each point where they can strike."""

    _troubles: defaultdict[Scope, Trouble] = field(default_factory=lambda: defaultdict(Trouble))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def clear(self) -> None:
        self._troubles.clear()
        self._announce()

    def take_down(self, scope: Scope, seconds: float) -> None:
        self._troubles[scope].down_until = time.monotonic() + seconds

    def swallow(self, scope: Scope, seconds: float) -> None:
        """Open a black hole."""
        self._troubles[scope].blackhole_until = time.monotonic() + seconds
        self._announce()

    def silence_media(self, scope: Scope, seconds: float) -> None:
        """Let the media server take connections and answer nothing."""
        self._troubles[scope].media_silent_until = time.monotonic() + seconds
        self._announce()

    def slow_down(self, scope: Scope, milliseconds: float) -> None:
        self._troubles[scope].latency = milliseconds / 1000

    def reject_messages(self, number: str, code: int, count: int) -> None:
        trouble = self._troubles[number]
        trouble.nack_code, trouble.nacks_left = code, count

    def lose_acks(self, number: str, count: int) -> None:
        self._troubles[number].lost_acks_left = count

    def fail_media(self, scope: Scope, code: int, count: int) -> None:
        trouble = self._troubles[scope]
        trouble.media_code, trouble.media_errors_left = code, count

    def garble(self, number: str, count: int) -> None:
        self._troubles[number].garbles_left = count

    def outdate(self, number: str) -> None:
        self._troubles[number].outdated = True

    def is_down(self, number: Scope) -> bool:
        return any(trouble.down_until > time.monotonic() for trouble in self._of(number))

    def is_outdated(self, number: str) -> bool:
        return any(trouble.outdated for trouble in self._of(number))

    def latency(self, number: Scope) -> float:
        """Seconds by which an answer is late."""
        return sum(trouble.latency for trouble in self._of(number))

    def take_nack(self, number: str) -> int:
        """The error code the next message of the account is to be refused with; 0 for none. Counts down."""
        trouble = self._troubles.get(number)
        if trouble is None or not trouble.nacks_left:
            return 0
        trouble.nacks_left -= 1
        return trouble.nack_code

    def take_lost_ack(self, number: str) -> bool:
        """Whether the next acknowledgement of a message is to be lost. Counts down."""
        trouble = self._troubles.get(number)
        if trouble is None or not trouble.lost_acks_left:
            return False
        trouble.lost_acks_left -= 1
        return True

    def take_garble(self, number: str) -> bool:
        """Whether what the account's phone or devices encrypt next is to be spoilt on its way, its first copy only."""
        trouble = self._troubles.get(number)
        if trouble is None or not trouble.garbles_left:
            return False
        trouble.garbles_left -= 1
        return True

    def take_media_error(self, number: Scope) -> int:
        """The HTTP status by which the next request to the media server is to fail; 0 for none. Counts down."""
        for trouble in self._of(number):
            if trouble.media_errors_left:
                trouble.media_errors_left -= 1
                return trouble.media_code
        return 0

    async def pass_blackhole(self, number: Scope) -> None:
        """Return when no black hole covers the account."""
        await self._pass(number, "blackhole_until")

    async def pass_media_silence(self, number: Scope) -> None:
        """Return when the media server may answer the account."""
        await self._pass(number, "media_silent_until")

    async def _pass(self, number: Scope, until: str) -> None:
        while (end := max((getattr(trouble, until) for trouble in self._of(number)), default=0)) > time.monotonic():
            changed = self._changed
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    await changed.wait()
            except TimeoutError:
                continue

    def _of(self, number: Scope) -> list[Trouble]:
        scopes = (number, None) if number else (None,)
        return [self._troubles[scope] for scope in scopes if scope in self._troubles]

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
