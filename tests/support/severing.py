"""A way to a MySQL or MariaDB on which the COMMIT of a send, or its answer, gets lost."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

COMMIT = b"\x03COMMIT"
"""COM_QUERY and its text, after the packet's length and number."""
SEND = b"INSERT INTO outbox"


class Loss(Enum):
    """What becomes of the next COMMIT of a transaction that writes a send."""

    NOTHING = "it is passed on, and its answer is"
    ANSWER = "it is carried out, and its answer is lost"
    COMMIT = "it is lost itself"
    LATE = "the caller has lost its connection before the server gets it"
    EVERYTHING = "it is carried out, its answer is lost, and nobody gets through any more"


class Severed:
    """The proxy; `loss` says what is lost next. It happens once."""

    def __init__(self, server_port: int) -> None:
        self.loss = Loss.NOTHING
        self.happened = threading.Event()
        self.released = threading.Event()
        """Set it to let a LATE one through."""
        self._closed = False
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._unheard: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = [self._listener]
        self._start(self._accept)

    def close(self) -> None:
        """Cut everything off."""
        self._closed = True
        self.released.set()
        for each in self._sockets:
            _cut(each)
        for thread in self._threads:
            thread.join()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._closed:
                    _cut(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._sockets += [client, server]
                self._start(self._forward, client, server)
                self._start(self._pump, server, client)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        sends = False
        with suppress(OSError):
            while data := client.recv(65_536):
                sends = sends or SEND in data
                if sends and self.loss is not Loss.NOTHING and data[4:] == COMMIT:
                    self._lose(client, server, data)
                    return
                server.sendall(data)
        _cut(server)

    def _lose(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        loss, self.loss = self.loss, Loss.NOTHING
        self._closed = loss is Loss.EVERYTHING
        self.happened.set()
        if loss in (Loss.ANSWER, Loss.EVERYTHING):
            self._unheard.add(client)
        else:
            _cut(client)
        if loss is Loss.LATE:
            self.released.wait(30)
        if loss is Loss.COMMIT:
            _cut(server)
        else:
            server.sendall(data)

    def _pump(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while (data := server.recv(65_536)) and client not in self._unheard:
                client.sendall(data)
        _cut(client)
        _cut(server)


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def severed(server_port: int) -> Iterator[Severed]:
    """A proxy before the server on this port."""
    proxy = Severed(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
