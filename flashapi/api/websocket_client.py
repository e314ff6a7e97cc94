"""One connected WebSocket client: what goes out waits in a bounded mailbox with a writer of its own.

So neither the bus reader nor the reading of the client's messages ever waits for a slow reader; it is cut off.
"""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from simple_websocket import ConnectionClosed, Server
from wsproto.events import Ping
from wsproto.utilities import LocalProtocolError

from flashapi.mailbox import Mailbox
from flashapi.models import now_ms

log = structlog.get_logger()

WAITING_FRAMES = 1_000
CLOSING_SECONDS = 5.0
"""How long a close may take, the other side's answer included."""
STALLED_SECONDS = 30.0
"""How long one frame may take to leave."""
KEEPALIVE_SECONDS = 60
PING_SECONDS = 25.0
"""A connection so long without a frame is pinged: proxies cut what is silent, nginx after a minute."""
Frame = str | Callable[[], str]
"""What goes out; one that takes long to write is written by the client's own writer."""
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Closing:
    """The last thing in a mailbox."""

    code: int
    reason: str


class Client:
    """A connection and its writer. `send`, `close` and `cut` never wait."""

    def __init__(self, ws: Server) -> None:
        self.id = f"client_{now_ms()}_{''.join(secrets.choice(ALPHABET) for _ in range(9))}"
        self._ws = ws
        self._mailbox = Mailbox[Frame | Closing](WAITING_FRAMES, self._overflow)
        self._sending_since: float | None = None
        self._deadline: threading.Timer | None = None
        _tune(ws.sock)
        ws.sock = _WholeFrames(ws.sock)
        threading.Thread(target=self._write, name=f"writer-{self.id}", daemon=True).start()

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The client's next message; None after `timeout` seconds. Raises ConnectionClosed."""
        message: str | bytes | None = self._ws.receive(timeout)
        return message

    def send(self, frame: Frame) -> None:
        """Let this frame follow those that are waiting."""
        self._mailbox.put(frame)

    def send_patiently(self, frame: Frame) -> bool:
        """The same, waiting while many are waiting; False when the client is gone."""
        return self._mailbox.put_patiently(frame)

    def close(self, code: int, reason: str) -> None:
        """Close after the frames that are waiting; `receive` raises when it is done, CLOSING_SECONDS later at most."""
        if self._deadline is not None:
            return
        self._mailbox.put(Closing(code, reason))
        self._deadline = threading.Timer(CLOSING_SECONDS, self.cut)
        self._deadline.daemon = True
        self._deadline.start()

    def part(self, code: int, reason: str) -> None:
        """Close and wait until that is done; what the client still says goes unheard."""
        self.close(code, reason)
        with suppress(ConnectionClosed):
            while True:
                self.receive()

    def cut(self) -> None:
        """End the connection at once, whatever it is doing."""
        self._mailbox.close()
        with suppress(OSError):  # it is gone already
            self._ws.sock.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Let go of the writer and the socket, when the conversation is over."""
        if self._deadline is not None:
            self._deadline.cancel()
        self.cut()

    @property
    def gone(self) -> bool:
        """Whether nothing more can be sent."""
        return self._mailbox.closed

    def is_stalled(self) -> bool:
        """Whether the frame being sent has been for too long."""
        since = self._sending_since
        return since is not None and time.monotonic() - since > STALLED_SECONDS

    def _overflow(self) -> None:
        log.warning("websocket_reader_too_slow", client=self.id, waiting=WAITING_FRAMES)
        self.cut()

    def _write(self) -> None:
        try:
            while (item := self._mailbox.get(PING_SECONDS)) is not None or not self._mailbox.closed:
                text = item() if callable(item) else item
                self._sending_since = time.monotonic()
                if text is None:
                    self._ws.sock.send(self._ws.ws.send(Ping()))  # who doesn't answer is noticed by TCP
                elif isinstance(text, Closing):
                    self._ws.close(text.code, text.reason)
                    return
                else:
                    self._ws.send(text)
                self._sending_since = None
        except (ConnectionClosed, LocalProtocolError, OSError):
            self.cut()  # wakes the reader of its messages, who ends the conversation
        finally:
            self._sending_since = None


def _tune(sock: socket.socket) -> None:
    """Send each frame at once, and notice a peer that has vanished without a word."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):  # a proxy may come by a Unix socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS // 4)


class _WholeFrames:
    """A socket that sends all it is given, and one frame at a time: simple-websocket calls `send`, from two threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, data: bytes) -> int:
        with self._lock:
            self._sock.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
