"""What one installation holds alone on its machine: the data directory and the port."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from flashapi.settings import Settings

LEFTOVERS_END_WITHIN_SECONDS = 10.0
LONGEST_SOCKET_PATH = 107
"""Of sun_path's 108 bytes, one ends the string (unix(7))."""
BACKLOG = 2048


class CannotStart(Exception):
    """The installation can't run as it stands; the message tells its owner what to change."""


@contextmanager
def occupy(data_dir: Path, pause: Callable[[float], None]) -> Iterator[int]:
    """Be the only supervisor of this directory; gives the descriptor of a second lock, for all processes to inherit.

    A killed supervisor frees the first lock at once, its processes the second one when the last of them has ended:
    a start in between waits for that, or the Redis that is going would take the new one's socket along.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours = (data_dir / "supervisor.lock").open("a+")
        everyones = (data_dir / "processes.lock").open("a+")
    except OSError as error:
        raise CannotStart(f"can't write in DATA_DIR {data_dir}: {error.strerror}") from error
    with ours, everyones:
        if not _lock(ours):
            ours.seek(0)
            raise CannotStart(f"FlashApi already runs on DATA_DIR {data_dir} (process {ours.read().strip()})")
        ours.truncate(0)
        ours.write(f"{os.getpid()}\n")
        ours.flush()
        deadline = time.monotonic() + LEFTOVERS_END_WITHIN_SECONDS
        while not _lock(everyones):
            if time.monotonic() > deadline:
                raise CannotStart(f"processes of an earlier start still run on DATA_DIR {data_dir}")
            pause(0.05)
        yield everyones.fileno()


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def listen(settings: Settings) -> socket.socket:
    """The listening socket of the web tier. Raises CannotStart if the address can't be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(
            f"can't listen on {settings.bind}: {error.strerror}. If another program has this port, set PORT."
        ) from error
    # Its connections inherit it: gunicorn sends head and body apart, and on a connection in use the body would wait
    # 40 ms for the acknowledgement of the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def check_socket_paths(settings: Settings) -> None:
    """Refuse a DATA_DIR in which the Unix sockets would have longer names than the kernel takes."""
    needed = [] if settings.redis_url else [settings.redis_socket]
    if settings.sandbox:
        needed.append(settings.sandbox_dir / "control.sock")
    longest = max((len(os.fsencode(path)) for path in needed), default=0)
    if longest > LONGEST_SOCKET_PATH:
        raise CannotStart(
            f"DATA_DIR {settings.data_dir} is {longest - LONGEST_SOCKET_PATH} bytes too long for the Unix sockets in it"
        )
