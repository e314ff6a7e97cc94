"""The web tier as it is served: gunicorn with gevent, in a process of its own, on a database and a Redis of ours."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.support.servers import free_port, wait_until
from workers.migrations import migrate

ROOT = Path(__file__).parents[2]

Serve = Callable[..., str]


@pytest.fixture
def sqlite(settings: Settings) -> Iterator[Connections]:
    """The database and the Redis that the web tier of these tests stands on."""
    migrate(settings)
    connections = Connections(settings)
    yield connections
    connections.close()


@pytest.fixture
def serve(settings: Settings, sqlite: Connections) -> Iterator[Serve]:
    """Starts the web tier, with more variables where they are given, and tells its address."""
    with ExitStack() as stack:
        yield lambda **variables: stack.enter_context(_served(settings, variables))


@contextmanager
def _served(settings: Settings, variables: dict[str, str]) -> Iterator[str]:
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "DATA_DIR": str(settings.data_dir),
        "REDIS_URL": settings.redis_url,
        "GLOBAL_API_KEY": settings.global_api_key,
        "GLOBAL_WEBSOCKET_SECRET": settings.websocket_secret,
        "TZ": settings.timezone,
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"], cwd=ROOT, env=environ)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "gunicorn ended"
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_until(answers, "the web tier answers")
        yield address
    finally:
        process.send_signal(signal.SIGQUIT)  # gunicorn's quick way to end
        process.wait(20)
