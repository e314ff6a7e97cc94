"""A webhook endpoint that answers as it is told, and keeps what it got."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.support.servers import wait_until


@dataclass(frozen=True)
class Delivery:
    """What came in, and when."""

    moment: float
    wall_ms: int
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """An endpoint that answers with the statuses of `script`, then as `decide` says; not until it `may_answer`."""

    def __init__(self, port: int = 0) -> None:
        self.deliveries: list[Delivery] = []
        self.taken: list[Delivery] = []
        """Those it has answered with 200."""
        self.script: deque[int] = deque()
        self.decide: Callable[[Delivery], int] = lambda _: 200
        self.answer_headers: dict[str, str] = {}
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
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                moment, wall_ms = time.monotonic(), time.time_ns() // 1_000_000
                delivery = Delivery(moment, wall_ms, dict(self.headers), json.loads(raw), raw)
                receiver.deliveries.append(delivery)
                receiver.may_answer.wait(30)
                try:
                    status = receiver.script.popleft() if receiver.script else receiver.decide(delivery)
                    self.send_response(status)
                    for name, value in receiver.answer_headers.items():
                        self.send_header(name, value)
                    answer = f"answered {status}".encode()
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                    if status == 200:
                        receiver.taken.append(delivery)
                except OSError:
                    self.close_connection = True  # it waits no longer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a caller was killed
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


def verifies(secret: str, delivery: Delivery) -> bool:
    """Whether the public package takes the delivery for genuine."""
    try:
        Webhook(secret).verify(delivery.raw, delivery.headers)
    except Exception:  # its errors have no common class that means only this
        return False
    return True
