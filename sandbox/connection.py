"""One client's connection: frames in WebSocket messages, Noise around them, binary nodes inside."""

from __future__ import annotations

import asyncio

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from sandbox.ciphers import DecryptionFailed
from sandbox.faults import Faults
from sandbox.noise import PROLOGUE, Finished, Handshake, HandshakeFailed, ServerIdentity
from sandbox.wire import MalformedNode, Node, decode, encode

HANDSHAKE_SECONDS = 20
WRITE_SECONDS = 20  # a client that takes nothing for so long is cut off; what it missed waits in the store
FAREWELL_SECONDS = 0.5  # between a last stanza and the close, else the client may lose the stanza

log = structlog.get_logger()


class ConnectionLost(Exception):
    """The client went away, or was sent away."""


class Connection:
    """A client on the other end of a WebSocket. Everything sent goes through a queue, so that sending never waits."""

    def __init__(self, socket: ServerConnection, faults: Faults) -> None:
        self.faults = faults
        self.number: str | None = None  # the account, once known: it decides which faults strike
        self._socket = socket
        self._buffer = bytearray()
        self._outgoing: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue()
        self._ciphers: Finished | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def shake_hands(self, identity: ServerIdentity) -> Finished:
        """Do the Noise handshake; raises ConnectionLost when it fails or the client is silent for 20 s."""
        handshake = Handshake(identity)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._read_prologue()
                answer = handshake.answer_hello(await self._read_frame())
                await asyncio.sleep(self.faults.latency(None))
                await self._socket.send(_frame(answer))
                self._ciphers = handshake.accept_finish(await self._read_frame())
        except (TimeoutError, HandshakeFailed, ConnectionClosed) as error:
            self.abort()
            raise ConnectionLost(str(error)) from error
        self._writer = asyncio.create_task(self._write())
        return self._ciphers

    async def receive(self) -> Node:
        """The client's next stanza. Raises ConnectionLost."""
        assert self._ciphers is not None
        try:
            frame = await self._read_frame()
            await self.faults.pass_blackhole(self.number)
            return decode(self._ciphers.receive.decrypt(frame))
        except (ConnectionClosed, DecryptionFailed, MalformedNode) as error:
            raise ConnectionLost(str(error)) from error

    def send(self, node: Node | bytes) -> None:
        """Queue a stanza, encoded or not; what the latency of the account adds is reckoned from now."""
        data = node if isinstance(node, bytes) else encode(node)
        due = asyncio.get_running_loop().time() + self.faults.latency(self.number)
        self._outgoing.put_nowait((due, data))

    def close_soon(self) -> None:
        """Close after everything queued was written, with time for the client to read it."""
        self._closing = True
        self._outgoing.put_nowait((0, None))

    def abort(self) -> None:
        """Break the TCP connection off."""
        self._socket.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the client has gone or the farewell is over."""
        await self._socket.wait_closed()

    async def finish(self) -> None:
        """Let a farewell that has begun be written, then let go of the connection."""
        if self._writer and not self._closing:
            self._writer.cancel()
        if self._writer:
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        assert self._ciphers is not None
        loop = asyncio.get_running_loop()
        try:
            while True:
                due, data = await self._outgoing.get()
                if (early := due - loop.time()) > 0:
                    await asyncio.sleep(early)
                await self.faults.pass_blackhole(self.number)
                if data is None:
                    await asyncio.sleep(FAREWELL_SECONDS)
                    self.abort()
                    return
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._socket.send(_frame(self._ciphers.send.encrypt(data)))
        except TimeoutError:
            log.warning("client_takes_nothing", account=self.number)
            self.abort()
        except ConnectionClosed:
            return

    async def _read_prologue(self) -> None:
        await self._fill(len(PROLOGUE))
        if bytes(self._buffer[: len(PROLOGUE)]) != PROLOGUE:
            raise HandshakeFailed("the connection does not begin with the prologue")
        del self._buffer[: len(PROLOGUE)]

    async def _read_frame(self) -> bytes:
        """A frame's body: three bytes of length precede it, and WebSocket messages may split or join frames."""
        await self._fill(3)
        end = 3 + int.from_bytes(self._buffer[:3], "big")
        await self._fill(end)
        body = bytes(self._buffer[3:end])
        del self._buffer[:end]
        return body

    async def _fill(self, length: int) -> None:
        while len(self._buffer) < length:
            message = await self._socket.recv()
            self._buffer += message.encode() if isinstance(message, str) else message


def _frame(body: bytes) -> bytes:
    """A frame in one piece: the client miscounts one that spans two WebSocket messages."""
    return len(body).to_bytes(3, "big") + body
