"""The network's control: one JSON request per line on a Unix socket, one JSON answer per line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from sandbox.refusals import Refusal

Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

LINE_BYTES = 24 << 20  # a file of 16 MB in base64; bigger ones the phones make up themselves
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 107

log = structlog.get_logger()


class Control:
    """Runs the operations that a socket's clients name; each client's requests in order, clients beside each other."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        self.operations = operations

    async def listen(self, path: Path) -> asyncio.Server:
        """Listen on a Unix socket, also where its path is longer than the kernel takes."""
        path.unlink(missing_ok=True)
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return await asyncio.start_unix_server(self._serve, path, limit=LINE_BYTES)
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            # /proc names the open folder in a few bytes; the socket itself lands where it belongs.
            return await asyncio.start_unix_server(self._serve, f"/proc/self/fd/{folder}/{path.name}", limit=LINE_BYTES)
        finally:
            os.close(folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # ValueError: a line beyond the limit
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refusal(400, "O pedido deve ser um objeto JSON.")
            operation = self.operations.get(str(request.get("op")))
            if operation is None:
                raise Refusal(404, "Operação desconhecida: verifique o campo op.")
            return {"ok": True, "data": await operation(request)}
        except json.JSONDecodeError:
            return {"ok": False, "status": 400, "message": "O pedido não é JSON válido."}
        except Refusal as refusal:
            return {"ok": False, "status": refusal.status, "message": refusal.message}
        except Exception:
            # A bug in one operation must not take the network down; it is reported, and answered as what it is.
            log.exception("operation_failed")
            return {"ok": False, "status": 500, "message": "Erro interno na rede simulada."}
