"""Those who are told: a webhook receiver and a WebSocket client, both keeping what they hear."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import websocket

from tests.support import witness
from tests.support.servers import wait_until


class WebhookReceiver:
    """An HTTP server on loopback that answers 200 and keeps every body."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append(dict(self.headers))
                receiver.bodies.append(json.loads(body))
                witness.see_event(receiver.bodies[-1]["event"], receiver.bodies[-1]["data"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where to deliver."""
        return f"http://127.0.0.1:{self.server.server_port}/webhook"

    def __enter__(self) -> "WebhookReceiver":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def wait_event(self, name: str, matches: Callable[[Any], bool] = bool, seconds: float = 30) -> dict[str, Any]:
        """The first delivery of this event whose data matches."""

        def look() -> dict[str, Any] | None:
            return next((b for b in list(self.bodies) if b["event"] == name and matches(b["data"])), None)

        found = wait_until(look, f"webhook hears {name}", seconds)
        assert isinstance(found, dict)
        return found


class SocketListener:
    """A WebSocket client of the message form, authenticated, keeping every frame."""

    def __init__(
        self,
        base: str,
        secret: str,
        *,
        mode: str = "client",
        events: list[str] | None = None,
        last_event_id: str | None = None,
    ) -> None:
        self.frames: list[dict[str, Any]] = []
        self.socket = websocket.create_connection("ws" + base.removeprefix("http") + "/", timeout=30)
        self.socket.settimeout(None)  # a test may listen for long before anything happens
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        auth = {"type": "auth", "secret": secret, "modo": mode, "events": events or [], "lastEventId": last_event_id}
        self.socket.send(json.dumps(auth))
        wait_until(lambda: self.of_type("auth_success") or self.of_type("error"), "the WebSocket is authenticated")
        assert not self.of_type("error"), self.of_type("error")

    def _read(self) -> None:
        while True:
            try:
                frame = self.socket.recv()
            except (websocket.WebSocketException, OSError):
                return
            if not frame:
                return
            self.frames.append(json.loads(frame))
            if self.frames[-1]["type"] == "event":
                witness.see_event(self.frames[-1]["event"], self.frames[-1]["data"])

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The frames of this type so far."""
        return [frame for frame in list(self.frames) if frame["type"] == kind]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The event frames of this name so far."""
        return [frame for frame in self.of_type("event") if frame["event"] == name]

    def wait_event(self, name: str, matches: Callable[[Any], bool] = bool, seconds: float = 30) -> dict[str, Any]:
        """The first frame of this event whose data matches."""

        def look() -> dict[str, Any] | None:
            return next((frame for frame in self.events(name) if matches(frame["data"])), None)

        found = wait_until(look, f"the WebSocket hears {name}", seconds)
        assert isinstance(found, dict)
        return found

    def __enter__(self) -> "SocketListener":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.thread.join()
