"""What WhatsApp shows under a text with a link: title, description and a small picture of the page, or nothing.

The sending device makes the preview, so we fetch the page; a site that fails costs its time limit, never the send.
"""

import base64
import html
import io
import re
import time
from typing import Any
from urllib.parse import urljoin

import structlog
from PIL import Image

from flashapi.outgoing import Fetched, Fetcher, OutgoingFailed, OutgoingRefused

log = structlog.get_logger()

TOTAL_SECONDS = 3.0
PAGE_BYTES = 512 * 1024
"""What is wanted stands at the beginning of a page."""
PICTURE_BYTES = 2 * 1024 * 1024
PICTURE_PIXELS = 4_000_000
"""Decoding more would hold up the other requests of this process."""
THUMBNAIL_SIZE = (100, 100)
TITLE_LENGTH, DESCRIPTION_LENGTH = 300, 1_000
AGENT = {"User-Agent": "WhatsApp/2.23.20.0"}  # sites give this agent the preview they want WhatsApp to show

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_AFTER_URL = ".,;:!?*_~)]}"

# Patterns rather than a parser: linear on whatever a hostile page holds, where html.parser of Python 3.11 is not.
_META = re.compile(r"""<meta\b((?:[^"'<>]++|"[^"]{0,4000}+"|'[^']{0,4000}+')*+)>""", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z-]{1,40}+)\s{0,9}+=\s{0,9}+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{1,1000})", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w-]{1,40})", re.IGNORECASE)


def preview_of(text: str, fetcher: Fetcher) -> dict[str, Any] | None:
    """`{url, title, description, thumbnail}` of the first link in the text; `thumbnail` is a base64 JPEG or None.

    None where there is no link, or its page can't be had within TOTAL_SECONDS or has no title.
    """
    written = first_url(text)
    if written is None:
        return None
    ends = time.monotonic() + TOTAL_SECONDS
    url = written if "://" in written else f"https://{written}"
    try:
        page = fetcher.get(
            url, timeout=TOTAL_SECONDS, max_bytes=PAGE_BYTES, accept="text/html", headers=AGENT, beginning=True
        )
    except (OutgoingRefused, OutgoingFailed) as error:
        log.info("link_preview_failed", reason=error.code)
        return None
    if page.status != 200 or "html" not in page.headers.get("content-type", "html"):
        return None
    head = _Head(page)
    title = head.first("og:title", "twitter:title", "title")
    if not title:
        return None
    picture = head.first("og:image", "og:image:url", "twitter:image")
    return {
        "url": written,
        "title": title[:TITLE_LENGTH],
        "description": head.first("og:description", "description", "twitter:description")[:DESCRIPTION_LENGTH],
        "thumbnail": _thumbnail(urljoin(page.url, picture), fetcher, ends) if picture else None,
    }


def first_url(text: str) -> str | None:
    """The first link as it is written in the text, without the punctuation of the sentence around it."""
    found = _URL.search(text)
    if found is None:
        return None
    url = found.group()
    while url[-1] in _AFTER_URL and not (url[-1] == ")" and url.count("(") >= url.count(")")):
        url = url[:-1]
    return url


class _Head:
    """What a page says about itself: its meta tags by name, and its title as `title`."""

    def __init__(self, page: Fetched) -> None:
        text = _decode(page)
        title = _TITLE.search(text)
        self._named = {"title": _plain(title.group(1))} if title else {}
        for tag in _META.finditer(text):
            attributes = {name.lower(): "".join(values) for name, *values in _ATTRIBUTE.findall(tag.group(1))}
            name = attributes.get("property") or attributes.get("name", "")
            self._named.setdefault(name.lower(), _plain(attributes.get("content", "")))

    def first(self, *names: str) -> str:
        """The first of these that says something, else an empty text."""
        return next((said for name in names if (said := self._named.get(name))), "")


def _plain(markup: str) -> str:
    return " ".join(html.unescape(markup).split())


def _decode(page: Fetched) -> str:
    """The page's text in the encoding that its header names, else the page itself, else UTF-8."""
    named = _CHARSET.search(page.headers.get("content-type", "")) or _CHARSET.search(
        page.content[:2048].decode("latin-1")
    )
    try:
        return page.content.decode(named.group(1) if named else "utf-8", "replace")
    except LookupError:
        return page.content.decode("utf-8", "replace")


def _thumbnail(url: str, fetcher: Fetcher, ends: float) -> str | None:
    try:
        found = fetcher.get(
            url, timeout=ends - time.monotonic(), max_bytes=PICTURE_BYTES, accept="image/*", headers=AGENT
        )
        return base64.b64encode(_shrink(found.content)).decode() if found.status == 200 else None
    except (OutgoingRefused, OutgoingFailed, _Unreadable) as error:
        log.info("link_preview_without_picture", reason=type(error).__name__)
        return None


class _Unreadable(Exception):
    """Not a picture, or not one to be decoded here."""


def _shrink(content: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft("RGB", THUMBNAIL_SIZE)  # a JPEG is decoded at a fraction of its size
            if picture.width * picture.height > PICTURE_PIXELS:
                raise _Unreadable
            picture.thumbnail(THUMBNAIL_SIZE)
            small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _Unreadable from error
    written = io.BytesIO()
    small.save(written, "JPEG", quality=80)
    return written.getvalue()
