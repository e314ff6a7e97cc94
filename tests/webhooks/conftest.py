"""A receiver, and webhook workers in this process and in processes of their own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.support.receivers import Receiver
from workers.webhook_attempts import Patience
from workers.webhook_worker import WebhookWorker

ROOT = Path(__file__).parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def told(database: Settings) -> Settings:
    """The settings of the webhook workers: receivers are on loopback."""
    return replace(database, allow_private_urls=True)


StartWorker = Callable[..., None]


@pytest.fixture
def start_worker(told: Settings, connections: Connections) -> Iterator[StartWorker]:
    """Starts a webhook worker in a thread, with a patience of its own where one is given."""
    stopping = threading.Event()
    threads = []

    def start(patience: Patience | None = None) -> None:
        thread = threading.Thread(target=WebhookWorker(told, stopping, patience).run)
        threads.append(thread)
        thread.start()

    yield start
    stopping.set()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive()


StartProcess = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_process(told: Settings, connections: Connections) -> Iterator[StartProcess]:
    """Starts a webhook worker as the supervisor does."""
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(told.data_dir),
        "DATABASE_URL": told.database_url,
        "REDIS_URL": told.redis_url,
        "ALLOW_PRIVATE_URLS": "true",
    }
    with ExitStack() as stack:

        def start() -> "subprocess.Popen[bytes]":
            process = subprocess.Popen([sys.executable, "-m", "workers", "webhooks"], cwd=ROOT, env=environ)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start
