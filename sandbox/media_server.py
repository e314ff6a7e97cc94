"""The network's media host: devices and phones put encrypted files here and fetch them, over TLS on the loopback.

Paths as clients use them (whatsmeow, upload.go and download.go): POST /mms/<kind>/<token>, token = base64url of the
file's SHA-256; the answer names the `direct_path` under which anybody who knows it may fetch the file. Profile
pictures are not encrypted and have paths of their own.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import ssl

import structlog

from sandbox.accounts import Account
from sandbox.http_messages import Answer, MalformedRequest, Request, answer_json, read_request
from sandbox.media_files import LARGEST_FILE, FileTooLarge, MediaFiles, WrongHash
from sandbox.network import Link, Network
from sandbox.ports import bind_kept_port
from sandbox.stanzas import result
from sandbox.wire import Node

HOST = "127.0.0.1"
FILE_PATH, PICTURE_PATH, UPLOAD_PATH = "/v/", "/pps/", "/mms/"
TTL_SECONDS = 3600

log = structlog.get_logger()


class MediaServer:
    """Serves the files of `files` and the network's pictures."""

    def __init__(self, network: Network, files: MediaFiles) -> None:
        self.network = network
        self.files = files
        self.connections: set[asyncio.StreamWriter] = set()

    async def listen(self, context: ssl.SSLContext) -> asyncio.Server:
        """Listen on the port of the last run, as links to files live longer than the process. Raises OSError."""

        async def bind(port: int) -> asyncio.Server:
            return await asyncio.start_server(self._serve, HOST, port, ssl=context, limit=1 << 18)

        server, port = await bind_kept_port(self.network.store, "media_port", bind)
        self.network.media_host = f"localhost:{port}"
        return server

    def cut_all(self) -> None:
        """Reset every connection."""
        for writer in list(self.connections):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            while request := await read_request(reader):
                number = self._uploader(request)
                await self.network.faults.pass_blackhole(number)
                await self.network.faults.pass_media_silence(number)
                await asyncio.sleep(self.network.faults.latency(number))
                if self.network.faults.is_down(number):
                    writer.transport.abort()
                    return
                answer = await self._answer(request, number)
                keep_alive = request.keep_alive and not request.length  # what was not read is no next request
                await answer.write(writer, keep_alive=keep_alive)
                if not keep_alive:
                    return
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, MalformedRequest) as error:
            log.info("media_connection_ended", reason=repr(error))
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _answer(self, request: Request, number: str | None) -> Answer:
        if code := self.network.faults.take_media_error(number):
            async for _ in request.body():
                pass  # read to its end, as a client that is still writing does not listen
            return answer_json(code)
        if request.path.startswith(UPLOAD_PATH) and request.method == "POST":
            return await self._take(request, number)
        if request.path.startswith(UPLOAD_PATH) and request.method == "DELETE":
            return answer_json(200)  # others may still have the link; the file goes when it expires
        if request.method == "GET" and request.path.startswith(FILE_PATH):
            path = self.files.find(request.path.removeprefix(FILE_PATH))
            return Answer(200, content=path) if path else answer_json(404)
        if request.method == "GET" and request.path.startswith(PICTURE_PATH):
            image = self.network.pictures.by_id(request.path.removeprefix(PICTURE_PATH))
            return Answer(200, "image/jpeg", image) if image else answer_json(404)
        return answer_json(404)

    async def _take(self, request: Request, number: str | None) -> Answer:
        if number is None:
            return answer_json(401)
        try:
            digest = base64.urlsafe_b64decode(request.path.rpartition("/")[2])
        except ValueError:
            return answer_json(400)
        if len(digest) != 32 or not request.length:
            return answer_json(400)
        if request.length > LARGEST_FILE:
            return answer_json(413)
        try:
            await self.files.keep(digest, request.body())
        except FileTooLarge:
            return answer_json(413)
        except WrongHash:
            return answer_json(400)
        log.info("media_uploaded", account=number, name=digest.hex(), kind=request.path.split("/")[2])
        direct_path = direct_path_of(digest)
        return answer_json(200, url=f"https://{self.network.media_host}{direct_path}", direct_path=direct_path)

    def _uploader(self, request: Request) -> str | None:
        """The number whose `auth` a request carries."""
        auth = request.query.get("auth", "")
        account = self.network.directory.by_number(auth.partition(".")[0])
        valid = account is not None and hmac.compare_digest(_authorise(self.network, account).encode(), auth.encode())
        return account.number if account and valid else None


def answer_media_conn(network: Network, link: Link, query: Node) -> Node:
    """Where a device may bring its files, and the word that lets it."""
    attrs = {"ttl": str(TTL_SECONDS), "auth_ttl": str(TTL_SECONDS), "max_buckets": "12"}
    host = Node("host", {"hostname": network.media_host})
    return result(query, Node("media_conn", {"auth": _authorise(network, link.account), **attrs}, [host]))


def _authorise(network: Network, account: Account) -> str:
    secret = network.store.setting("media_secret")
    if secret is None:
        secret = secrets.token_bytes(32)
        network.store.set_setting("media_secret", secret)
    return f"{account.number}.{hmac.digest(secret, account.number.encode(), 'sha256').hex()}"


def direct_path_of(digest: bytes) -> str:
    """The path of a file on every media host. It must hold a `?`: clients append more parameters with `&`."""
    return f"{FILE_PATH}{digest.hex()}?ccb=1"


def file_name_in(direct_path: str) -> str:
    """The file's name on the shelf; of what is no such path, a name that no file has."""
    return direct_path.partition("?")[0].removeprefix(FILE_PATH)
