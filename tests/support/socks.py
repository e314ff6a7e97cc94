"""A SOCKS5 proxy on loopback that counts whom it was asked for (RFC 1928, connections without authentication)."""

import socket
import struct
import threading
from contextlib import suppress

VERSION, NO_AUTHENTICATION, CONNECT, IPV4, NAME = 5, 0, 1, 1, 3


class SocksProxy:
    """Relays until it is closed; `asked` holds the destinations."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        """How a session is told of it."""
        return f"socks5://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "SocksProxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in list(self._threads):
            thread.join()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, struct.error):
            _, count = _exactly(client, 2)
            _exactly(client, count)
            client.sendall(bytes([VERSION, NO_AUTHENTICATION]))
            _, command, _, kind = _exactly(client, 4)
            assert command == CONNECT and kind in (IPV4, NAME)
            host = socket.inet_ntoa(_exactly(client, 4)) if kind == IPV4 else _name(client)
            (port,) = struct.unpack(">H", _exactly(client, 2))
            self.asked.append((host, port))
            server = socket.create_connection((host, port))
            self._open.append(server)
            client.sendall(bytes([VERSION, 0, 0, IPV4]) + bytes(6))
            self._start(_relay, server, client)
            _relay(client, server)


def _name(client: socket.socket) -> str:
    return _exactly(client, _exactly(client, 1)[0]).decode()


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
