"""A receiver that answers as told, and webhook workers in this process and in processes of their own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flashapi.connections import Connections
from flashapi.settings import Settings
from tests.support.servers import wait_until
from workers.webhook_worker import WebhookWorker

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Delivery:
    """What came in, and when."""

    moment: float
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """An endpoint that answers with the statuses of `script`, then 200; while `held`, it doesn't answer."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.script: deque[int] = deque()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.deliveries.append(Delivery(time.monotonic(), dict(self.headers), body))
                receiver.may_answer.wait(30)
                try:
                    self.send_response(receiver.script.popleft() if receiver.script else 200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True  # it waits no longer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "Receiver":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def wait(self, count: int, seconds: float = 10) -> list[str]:
        """The ids of the first `count` deliveries."""
        wait_until(lambda: len(self.deliveries) >= count, f"{count} deliveries", seconds)
        return [delivery.event_id for delivery in self.deliveries]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def told(database: Settings) -> Settings:
    """The settings of the webhook workers: receivers are on loopback."""
    return replace(database, allow_private_urls=True)


StartWorker = Callable[[], None]


@pytest.fixture
def start_worker(told: Settings, connections: Connections) -> Iterator[StartWorker]:
    """Starts a webhook worker in a thread."""
    stopping = threading.Event()
    threads = []

    def start() -> None:
        thread = threading.Thread(target=WebhookWorker(told, stopping).run)
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
