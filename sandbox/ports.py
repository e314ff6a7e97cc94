"""Ports that are chosen once and kept over restarts, so that clients find the network where it was."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sandbox.store import Store

PORTS = range(20_000, 30_000)  # below those that systems hand out themselves: ours is still free after a restart
BIND_SECONDS = 5  # for a predecessor that is still ending

S = TypeVar("S")


async def bind_kept_port(store: Store, setting: str, bind: Callable[[int], Awaitable[S]]) -> tuple[S, int]:
    """Bind the port of the last run or, when that stays taken, another; returns what `bind` gave, and the port.

    Raises OSError.
    """
    stored = store.setting(setting)
    kept = [int(stored)] if stored else []
    for port in [*kept, *random.sample(PORTS, 20)]:
        deadline = asyncio.get_running_loop().time() + (BIND_SECONDS if port in kept else 0)
        while True:
            try:
                server = await bind(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if asyncio.get_running_loop().time() >= deadline:
                    break
                await asyncio.sleep(0.2)
            else:
                store.set_setting(setting, str(port).encode())
                return server, port
    raise OSError(errno.EADDRINUSE, f"no free port between {PORTS.start} and {PORTS.stop}")
