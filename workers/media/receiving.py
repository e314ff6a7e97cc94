"""The file of a received message: from WhatsApp's media host into the spool, piece by piece.

neonize would take it whole into memory, however large it is, and neither it nor WhatsApp holds a sender to the size
that his message declares. So it is fetched here, within a limit. Through a session's proxy only neonize finds its way.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.errors import Gone, NotFound, WhatsAppError
from flashapi.media import patience
from flashapi.media.spool import Draft
from flashapi.models.sessions import Mode
from flashapi.outgoing import Fetcher, OutgoingFailed, OutgoingRefused
from workers.media.decryption import KEYS_FOR, LONGER_BY_AT_MOST, Damaged, Decryption

log = structlog.get_logger()

MEDIA_HOST = "https://mmg.whatsapp.net"
"""Serves every `directPath` (Baileys, messages-media.ts: getUrlFromDirectPath; in whatsmeow's list the last resort)."""
SANDBOX_HOST = "localhost"
HEADERS = {"Origin": "https://web.whatsapp.com", "Referer": "https://web.whatsapp.com/"}
WRAPPERS = ("documentWithCaptionMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension",
            "ephemeralMessage")  # fmt: skip
NOT_KEPT = (403, 404, 410)
"""The answers of the media host for files that WhatsApp keeps no more (whatsmeow, errors.go)."""
OVER = 64 * 1024
"""So many bytes more than a file may have are read, so that it is the spool that refuses it."""
NOT_DELIVERED = "O WhatsApp não entregou o arquivo"
NOT_THERE = "O WhatsApp não tem mais este arquivo"


def message_with_file(message: Message) -> tuple[str, Message]:
    """The kind of file, and the message itself or the one inside a wrapper that has it. Raises NotFound."""
    for name in WRAPPERS:
        if message.HasField(name):
            return message_with_file(getattr(message, name).message)
    for name in KEYS_FOR:
        if message.HasField(name):
            return name, message
    raise NotFound("Esta mensagem não tem arquivo")


def fetch_into(draft: Draft, kind: str, file: Any, mode: str) -> None:
    """Write the file that `file`, a message's part of this kind, describes, decrypted and proven to be it.

    Raises TooLarge and Unavailable as the draft does, Gone, WhatsAppError.
    """
    encrypted = bool(file.mediaKey and file.fileEncSHA256)
    decryption = Decryption(kind, file.mediaKey, draft.write) if encrypted else None
    _get(_address(file, mode), draft.limit, file.fileLength, mode, decryption.update if decryption else draft.write)
    try:
        if decryption is not None:
            decryption.finish(file.fileEncSHA256)
        proven = decryption is not None and not file.fileSHA256  # by its MAC; not all senders give the hash
        if not proven and draft.sha256 != file.fileSHA256.hex():
            raise Damaged("the hash of the file is wrong")
    except Damaged as error:
        log.warning("download_damaged", error=str(error))
        raise WhatsAppError(NOT_DELIVERED) from error


def _get(url: str, limit: int, declared: int, mode: str, into: Callable[[bytes], object]) -> None:
    fetcher = Fetcher(allow_private=mode == Mode.SANDBOX)
    longest = limit + LONGER_BY_AT_MOST + OVER
    try:
        answer = fetcher.get(url, timeout=patience.to_fetch(declared), max_bytes=longest, headers=HEADERS, into=into)
    except (OutgoingFailed, OutgoingRefused) as error:
        log.warning("download_failed", error=str(error))
        raise WhatsAppError(NOT_DELIVERED) from error
    finally:
        fetcher.close()
    if answer.status in NOT_KEPT:
        raise Gone(NOT_THERE)
    if answer.status != 200:
        log.warning("download_refused", status=answer.status)
        raise WhatsAppError(NOT_DELIVERED, whatsapp_code=answer.status)


def _address(file: Any, mode: str) -> str:
    """Where the file is. Of a message only the path is believed; the sandbox's host, on a port of its own, stands in
    the address that its phones and its server write. Raises Gone."""
    if mode == Mode.SANDBOX:
        url = str(file.URL)
        if urlsplit(url).hostname != SANDBOX_HOST:
            raise Gone(NOT_THERE)
        return url
    path = str(file.directPath)
    if not path:  # older senders give the address only
        given = urlsplit(str(file.URL))
        named = (given.hostname or "").endswith(".whatsapp.net")
        path = f"{given.path}?{given.query}" if named and given.path else ""
    if not path.startswith("/"):
        raise Gone(NOT_THERE)
    return MEDIA_HOST + path
