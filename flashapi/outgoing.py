"""The guarded fetcher: every request this installation makes to addresses that others have named.

http and https only; connects to the very address it has judged while Host and SNI keep the name; judges every
redirect again; bounds size and total time, handshakes and dripping answers included; knows no proxies.
"""

import base64
import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from flashapi.addresses import OutgoingFailed, OutgoingRefused, is_local_name, is_public, literal
from flashapi.outgoing_connection import PORTS, Connection
from flashapi.outgoing_idle import IdleConnections

__all__ = ["Fetched", "Fetcher", "OutgoingFailed", "OutgoingRefused"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
MAX_URL = 2_048
KEPT = 32
"""How many idle connections stay open, unless told otherwise."""
ANSWER_KEPT_BYTES = 64 * 1024
"""How much of an answer to a POST is read; a connection with more on it isn't kept."""
CHUNK = 64 * 1024
_PEER_HAD_GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
SAFE_IN_PATH = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A final answer; `url` is where it came from after redirects, header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


class Fetcher:
    """Makes requests; keeps up to `kept` connections for the next ones. For any number of threads."""

    def __init__(self, allow_private: bool, kept: int = KEPT) -> None:
        self.allow_private = allow_private
        self._idle = IdleConnections(kept)

    def check_url(self, url: str) -> None:
        """Raise OutgoingRefused for a URL that can never be requested: scheme, host, port, or a private literal."""
        self._destination(url)

    def get(
        self,
        url: str,
        *,
        timeout: float,
        max_bytes: int,
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
        beginning: bool = False,
        into: Callable[[bytes], object] | None = None,
    ) -> Fetched:
        """Fetch within `timeout` seconds in all, following redirects. Raises OutgoingRefused, OutgoingFailed.

        A body of more than `max_bytes` is a failure, or with `beginning` cut there. A successful answer's body goes
        piece by piece to `into`, where that is given, and is not kept.
        """
        ends = time.monotonic() + timeout
        sent = {"Accept": accept, **(headers or {})}
        for _ in range(MAX_REDIRECTS + 1):
            fetched = self._request("GET", url, None, sent, ends, max_bytes, whole=not beginning, into=into)
            onward = fetched.headers.get("location")
            if fetched.status not in REDIRECTS or onward is None:
                return fetched
            url = urljoin(url, onward)
        raise OutgoingFailed("Redirecionamentos demais")

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], timeout: float) -> Fetched:
        """POST within `timeout` seconds in all; redirects are answers. Raises OutgoingRefused, OutgoingFailed."""
        return self._request("POST", url, body, headers, time.monotonic() + timeout, ANSWER_KEPT_BYTES, whole=False)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._idle.close()

    def _destination(self, url: str) -> tuple[SplitResult, str, int]:
        try:
            parts = urlsplit(url)
            port = parts.port or PORTS.get(parts.scheme, 0)
            host = (parts.hostname or "").encode("idna").decode()
        except (ValueError, UnicodeError):
            raise OutgoingRefused("URL inválida") from None
        if parts.scheme not in PORTS:
            raise OutgoingRefused("URL inválida: use http ou https")
        if not host or len(url) > MAX_URL or any(ord(character) <= 32 for character in url):
            raise OutgoingRefused("URL inválida")
        if not self.allow_private:
            address = literal(host)
            if is_local_name(host) or (address is not None and not is_public(address)):
                raise OutgoingRefused(f"URL não permitida: {host} não é um endereço público")
        return parts, host, port

    def _request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        ends: float,
        limit: int,
        whole: bool,
        into: Callable[[bytes], object] | None = None,
    ) -> Fetched:
        parts, host, port = self._destination(url)
        path = quote(parts.path or "/", SAFE_IN_PATH)
        target = f"{path}?{quote(parts.query, SAFE_IN_PATH + '?')}" if parts.query else path
        sent = {"Accept-Encoding": "identity", **_authorization(parts), **headers}
        while True:
            connection, used = self._connection(parts.scheme, host, port)
            answer: http.client.HTTPResponse | None = None
            try:
                with connection.until(ends):
                    connection.request(method, target, body, sent)
                    answer = connection.answer = connection.getresponse()
                    content, ended = _read(answer, limit, whole, into if answer.status == HTTPStatus.OK else None)
                    connection.check_deadline()  # being cut looks like the end of a body of unknown length
            except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a chunk of negative size
                connection.end()
                if used and answer is None and isinstance(error, _PEER_HAD_GONE) and not connection.expired:
                    continue  # it had closed the kept connection before it saw the request
                raise OutgoingFailed(_failure(host, connection.expired, error)) from error
            except BaseException:
                connection.end()
                raise
            if ended and not answer.will_close:
                self._idle.keep(connection)
            else:
                connection.end()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Fetched(url=url, status=answer.status, headers=named, content=content)

    def _connection(self, scheme: str, host: str, port: int) -> tuple[Connection, bool]:
        """A connection, and whether it has been used before."""
        kept = self._idle.take((scheme, host, port))
        if kept is not None:
            return kept, True
        return Connection(scheme, host, port, self.allow_private), False


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _read(
    answer: http.client.HTTPResponse, limit: int, whole: bool, into: Callable[[bytes], object] | None
) -> tuple[bytes, bool]:
    """Up to `limit` bytes of the body, and whether that was all. `whole` makes a longer body an error."""
    content = bytearray()
    take = into or content.extend
    size = 0
    while size <= limit:
        chunk = answer.read(min(CHUNK, limit + 1 - size))
        if not chunk:
            return bytes(content), True
        size += len(chunk)
        take(chunk)
    if whole:
        raise OutgoingFailed(f"A resposta passa de {limit} bytes")
    return bytes(content[:limit]), False


def _failure(host: str, expired: bool, error: Exception) -> str:
    """What went wrong, for the user."""
    match error:
        case _ if expired or isinstance(error, TimeoutError):
            return f"Tempo esgotado aguardando {host}"
        case ssl.SSLCertVerificationError():
            return f"Certificado inválido de {host}: {error.verify_message}"
        case ConnectionRefusedError():
            return f"Conexão recusada por {host}"
        case _ if isinstance(error, _PEER_HAD_GONE):
            return f"{host} encerrou a conexão sem responder"
        case _:
            return f"Falha ao acessar {host}: {getattr(error, 'strerror', None) or type(error).__name__}"
