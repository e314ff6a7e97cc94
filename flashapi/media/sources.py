"""The ways a file is handed in: URL, data URL, bare base64, upload; never a local path. All end as a draft."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from flashapi.errors import FlashAPIError, InvalidInput
from flashapi.media.spool import Draft, Spool
from flashapi.outgoing import Fetcher

FETCH_SECONDS = 60.0
PIECE = 64 * 1024
"""Characters of base64 turned into bytes at a time; a multiple of four."""
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[^;,]*)*),", re.IGNORECASE)
_WHITE = re.compile(r"\s+")


class InvalidSource(ValueError):
    """Neither a URL, nor a data URL, nor base64."""


@dataclass(frozen=True)
class Link:
    """A file to fetch."""

    url: str


@dataclass(frozen=True)
class Inline:
    """A file written out in the request: `text` from `start` on is base64, or percent-encoded."""

    text: str
    start: int
    is_base64: bool
    mimetype: str | None


@dataclass(frozen=True)
class Upload:
    """A file of a multipart body, in the spool already."""

    draft: Draft
    name: str | None
    mimetype: str | None


Source = Link | Inline | Upload


def read_source(text: str) -> Link | Inline:
    """What a text in a media field means. Raises InvalidSource."""
    if text.startswith(("http://", "https://")):
        return Link(text)
    if found := _DATA_URL.match(text):
        return Inline(text, found.end(), ";base64" in found[2].lower(), found[1])
    if not re.match(r"[A-Za-z0-9+/_\-\s]{4}", text):
        raise InvalidSource()
    return Inline(text, 0, True, None)


def collect(source: Source, spool: Spool, fetcher: Fetcher, field: str) -> Draft:
    """The file as a draft. Raises InvalidInput, TooLarge, Unavailable, OutgoingFailed; each names the field."""
    if isinstance(source, Upload):
        return source.draft
    draft = spool.draft()
    try:
        if isinstance(source, Link):
            _fetch(source.url, draft, spool.file_limit, fetcher)
        else:
            for piece in _decoded(source):
                draft.write(piece)
        return draft
    except FlashAPIError as error:
        draft.close()
        raise type(error)(f"{field}: {error.message}", **error.details) from error
    except BaseException:
        draft.close()
        raise


def name_of(source: Source) -> str | None:
    """What the file is called where it comes from."""
    if isinstance(source, Upload):
        return source.name
    if isinstance(source, Link):
        return unquote_to_bytes(urlsplit(source.url).path.rpartition("/")[2]).decode(errors="replace") or None
    return None


def _fetch(url: str, draft: Draft, limit: int, fetcher: Fetcher) -> None:
    answer = fetcher.get(url, timeout=FETCH_SECONDS, max_bytes=limit, into=draft.write)
    if answer.status != 200:
        raise InvalidInput(f"a URL respondeu com o status {answer.status}")


def _decoded(source: Inline) -> Iterator[bytes]:
    """The bytes, in pieces, so that the file is not in memory a second time."""
    if not source.is_base64:
        yield unquote_to_bytes(source.text[source.start :])
        return
    rest = ""
    for start in range(source.start, len(source.text), PIECE):
        rest += _WHITE.sub("", source.text[start : start + PIECE]).replace("-", "+").replace("_", "/")
        whole = len(rest) // 4 * 4
        is_last = start + PIECE >= len(source.text)
        yield _from_base64(rest if is_last else rest[:whole], is_last)
        rest = rest[whole:]


def _from_base64(text: str, is_last: bool) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("não é uma URL, data URL ou base64 válido") from None
    if not is_last and text.endswith("="):
        raise InvalidInput("o base64 termina antes do fim do texto")
    return decoded
