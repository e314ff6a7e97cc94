"""As much HTTP/1.1 as the media server speaks: requests with a body of known length, answers from memory or a file."""

from __future__ import annotations

import asyncio
import http
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

PIECE = 1 << 18


class MalformedRequest(ValueError):
    """Bytes that are no HTTP request this server understands."""


@dataclass(slots=True)
class Request:
    """A request whose body has not been read yet."""

    method: str
    path: str
    query: dict[str, str]
    length: int
    keep_alive: bool
    reader: asyncio.StreamReader

    async def body(self) -> AsyncIterator[bytes]:
        """The body, once, in pieces. Raises asyncio.IncompleteReadError."""
        while self.length:
            piece = await self.reader.read(min(PIECE, self.length))
            if not piece:
                raise asyncio.IncompleteReadError(b"", self.length)
            self.length -= len(piece)
            yield piece


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request on a connection; None when the client has no more. Raises MalformedRequest."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise MalformedRequest("the request ends in its head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedRequest("the head is too long") from error
    line, *lines = head.split("\r\n")
    try:
        method, target, version = line.split(" ")
        headers = {name.lower(): value.strip() for name, value in (one.split(":", 1) for one in lines if one)}
        length = int(headers.get("content-length", 0))
    except ValueError as error:
        raise MalformedRequest("the head is no HTTP") from error
    if "transfer-encoding" in headers or length < 0:
        raise MalformedRequest("the length of the body is not known")
    url = urlsplit(target)
    keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(method, url.path, dict(parse_qsl(url.query)), length, keep_alive, reader)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with bytes or a file."""

    status: int
    kind: str = "application/octet-stream"
    content: bytes | Path = b""

    async def write(self, writer: asyncio.StreamWriter, *, keep_alive: bool) -> None:
        """Send it; raises ConnectionError."""
        length = self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)
        phrase = http.HTTPStatus(self.status).phrase
        writer.write(
            f"HTTP/1.1 {self.status} {phrase}\r\nContent-Type: {self.kind}\r\nContent-Length: {length}\r\n"
            f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n".encode()
        )
        if isinstance(self.content, bytes):
            writer.write(self.content)
        else:
            with self.content.open("rb") as file:
                while piece := file.read(PIECE):
                    writer.write(piece)
                    await writer.drain()
        await writer.drain()


def answer_json(status: int, **fields: object) -> Answer:
    return Answer(status, "application/json", json.dumps(fields).encode())
