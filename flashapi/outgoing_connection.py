"""A connection of the guarded fetcher: to an address that was judged, under one deadline."""

import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from flashapi.addresses import Peer, resolve

PORTS = {"http": 80, "https": 443}
KEPT_SECONDS = 50.0
"""How long one that is silent may be used again."""
Destination = tuple[str, str, int]
"""Scheme, host and port."""


class Connection(http.client.HTTPConnection):
    """A connection to a judged address, with one deadline over everything that happens on it."""

    def __init__(self, scheme: str, host: str, port: int, allow_private: bool) -> None:
        super().__init__(host, port)
        self.scheme = scheme
        self.destination: Destination = (scheme, host, port)
        self.default_port = PORTS[scheme]  # so that Host carries only an unusual port
        self.allow_private = allow_private
        self.idle_since = 0.0
        self.expired = False
        self._ends = 0.0
        self.answer: http.client.HTTPResponse | None = None
        self._cord: socket.socket | None = None

    def connect(self) -> None:
        """Resolve, judge and connect, all before the deadline."""
        peers = resolve(self.host, self.port, self.allow_private, self.check_deadline())
        plain = self._first_answering(peers)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(None)  # from here the deadline is the only clock
        self.sock = plain
        self._cord = plain.dup()
        self.check_deadline()  # it may have passed while there was no cord to cut
        if self.scheme == "https":
            self.sock = _tls().wrap_socket(plain, server_hostname=self.host)

    def _first_answering(self, peers: list[Peer]) -> socket.socket:
        for number, (family, address) in enumerate(peers):
            plain = socket.socket(family, socket.SOCK_STREAM)
            try:
                plain.settimeout(self.check_deadline() / (len(peers) - number))
                plain.connect(address)
                return plain
            except OSError:
                plain.close()
                if number == len(peers) - 1:
                    raise
        raise OSError("no address")

    @contextmanager
    def until(self, ends: float) -> Iterator[None]:
        """Cut the connection when the clock reaches `ends`, whatever it is doing then."""
        self._ends = ends
        self.expired = False
        timer = threading.Timer(max(0.0, ends - time.monotonic()), self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def is_usable(self) -> bool:
        """Whether a kept connection can carry another request: silent, open and not too old."""
        if self.sock is None or self.is_too_old():
            return False
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return not poller.poll(0)

    def is_too_old(self) -> bool:
        """Whether a kept connection has been silent for too long."""
        return time.monotonic() - self.idle_since > KEPT_SECONDS

    def check_deadline(self) -> float:
        """The seconds left; raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            self.expired = True
        if self.expired:
            raise TimeoutError("timed out")
        return left

    def end(self) -> None:
        """Close everything; http.client calls `close` before it reads a body that ends with the connection."""
        self.close()
        if self.answer is not None:
            self.answer.close()
        if self._cord is not None:
            self._cord.close()
            self._cord = None

    def _expire(self) -> None:
        # A timeout of the socket would start anew with each byte received; a shutdown ends whatever waits on it.
        self.expired = True
        cord = self._cord
        if cord is not None:
            with suppress(OSError):
                cord.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
