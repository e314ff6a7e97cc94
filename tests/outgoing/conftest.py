"""A web site on loopback that behaves as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flashapi.outgoing import Fetcher

Page = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """Pages by path; keeps what it was asked, how many connections were made to it, and how many are open."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.open: set[BaseHTTPRequestHandler] = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                site.connections += 1
                site.open.add(self)
                super().setup()

            def finish(self) -> None:
                site.open.discard(self)
                super().finish()

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.requests.append((self.command, self.path, dict(self.headers), body))
                site.pages[self.path.partition("?")[0]](self)

            do_POST = do_GET  # noqa: N815  the name http.server looks for

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://{host}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def page(self, path: str, body: bytes, content_type: str = "text/html; charset=utf-8", status: int = 200,
             **headers: str) -> None:
        """Answer this path with this body."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Type", content_type)
            handler.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.pages[path] = answer

    def drip(self, path: str, first: bytes) -> None:
        """Answer this path with `first` and then a byte now and then, for as long as anybody listens."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.close_connection = True
            try:
                handler.wfile.write(first)
                while not self.ended.wait(0.05):
                    handler.wfile.write(b"x")
            except OSError:
                return

        self.pages[path] = answer

    def __enter__(self) -> "Site":
        self.ended = threading.Event()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(allow_private=True)
    yield fetcher
    fetcher.close()
