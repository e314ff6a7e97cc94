"""A web server for files that URLs in requests lead to."""

import hashlib
import http.server
import threading
from typing import Any, Self


class FileServer:
    """Serves what was put, on loopback; what it says of a file's type is never true."""

    def __init__(self) -> None:
        kept = self._kept = dict[str, bytes]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = kept.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Type", "text/x-untrue")
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def put(self, content: bytes) -> str:
        """Serve this; returns its URL."""
        path = f"/{hashlib.sha256(content).hexdigest()}"
        self._kept[path] = content
        return self.base + path

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
