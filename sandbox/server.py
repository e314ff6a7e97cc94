"""The listening end: one TCP port on the loopback interface, to which patched clients come."""

from __future__ import annotations

import asyncio
import logging

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from sandbox.connection import Connection, ConnectionLost
from sandbox.linking import Linking
from sandbox.network import Network
from sandbox.noise import ServerIdentity
from sandbox.ports import bind_kept_port
from sandbox.presences import Presences
from sandbox.sessions import serve_device

HOST = "127.0.0.1"
MAX_FRAME = 1 << 24

log = structlog.get_logger()


class Gateway:
    """Accepts connections and decides by a client's first words what it is: a device, or somebody to be linked."""

    def __init__(self, network: Network, linking: Linking, presences: Presences, identity: ServerIdentity) -> None:
        self.network = network
        self.linking = linking
        self.presences = presences
        self.identity = identity
        self.connections: set[Connection] = set()

    async def listen(self) -> tuple[Server, int]:
        """Listen where the patched clients expect it; returns the server and its port. Raises OSError."""
        return await bind_kept_port(self.network.store, "port", self._bind)

    def cut_all(self) -> None:
        """Reset every connection, known or not."""
        for connection in list(self.connections):
            connection.abort()

    async def _bind(self, port: int) -> Server:
        return await serve(
            self._accept,
            HOST,
            port,
            process_request=self._greet,
            compression=None,
            max_size=MAX_FRAME,
            open_timeout=None,
            ping_interval=None,
            close_timeout=1,
            server_header=None,
            logger=_quiet_logger(),
        )

    async def _greet(self, socket: ServerConnection, request: Request) -> Response | None:
        """Let the faults of the whole network strike before the first answer."""
        faults = self.network.faults
        await faults.pass_blackhole(None)
        await asyncio.sleep(faults.latency(None))
        if faults.is_down(None):
            socket.transport.abort()
        return None

    async def _accept(self, socket: ServerConnection) -> None:
        connection = Connection(socket, self.network.faults)
        self.connections.add(connection)
        try:
            client = await connection.shake_hands(self.identity)
            if client.payload.HasField("devicePairingData"):
                await self.linking.serve(connection, client)
            else:
                await serve_device(self.network, self.presences, connection, client)
        except ConnectionLost as error:
            log.info("handshake_failed", reason=str(error))
        except Exception:
            # A bug in the handling of one client's stanza ends that client's connection and no other.
            log.exception("connection_failed", account=connection.number)
            connection.abort()
        finally:
            self.connections.discard(connection)
            await connection.finish()


def _quiet_logger() -> logging.Logger:
    """websockets logs connections that end without a closing handshake, which is how clients and faults end them."""
    logger = logging.getLogger("sandbox.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
