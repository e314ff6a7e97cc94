"""Messages with files: spooled, checked by content, handed on by reference; and those received, fetched for callers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashapi.errors import DatabaseUnavailable, FlashAPIError, NotFound
from flashapi.media import fetching
from flashapi.media.facts import media_of
from flashapi.media.kinds import Kind, true_type
from flashapi.media.sources import Source, collect, name_of
from flashapi.media.spool import name_to_send
from flashapi.services import history, outbox, sends
from flashapi.services.backend import Backend, request_id
from flashapi.services.sessions import Row

NO_MEDIA = "Esta mensagem não tem arquivo"


def send_image(backend: Backend, session: Row, *, image: Source, caption: str, **sending: Any) -> dict[str, Any]:
    """Send a picture."""
    return _send(backend, session, Kind.IMAGE, image, {"caption": caption}, sending)


def send_video(
    backend: Backend, session: Row, *, video: Source, caption: str, gif_playback: bool, **sending: Any
) -> dict[str, Any]:
    """Send a film."""
    beside = {"caption": caption, "gif_playback": gif_playback}
    return _send(backend, session, Kind.VIDEO, video, beside, sending)


def send_audio(backend: Backend, session: Row, *, audio: Source, ptt: bool, **sending: Any) -> dict[str, Any]:
    """Send a sound, with `ptt` as a voice message."""
    return _send(backend, session, Kind.AUDIO, audio, {"ptt": ptt}, sending)


def send_document(
    backend: Backend,
    session: Row,
    *,
    document: Source,
    file_name: str,
    mimetype: str | None,
    caption: str,
    **sending: Any,
) -> dict[str, Any]:
    """Send a file of any type."""
    beside = {"file_name": file_name, "caption": caption}
    return _send(backend, session, Kind.DOCUMENT, document, beside, sending, mimetype, file_name)


def send_sticker(backend: Backend, session: Row, *, sticker: Source, **sending: Any) -> dict[str, Any]:
    """Send a sticker."""
    return _send(backend, session, Kind.STICKER, sticker, {}, sending)


def _send(
    backend: Backend,
    session: Row,
    kind: Kind,
    source: Source,
    beside: dict[str, Any],
    sending: dict[str, Any],
    claimed: str | None = None,
    file_name: str | None = None,
) -> dict[str, Any]:
    sent = _prepare_and_send(backend, session, kind, source, beside, sending, claimed, file_name)
    return sent if sent.get("queued") else {**sent, "media": _as_sent(backend, session, sent["id"])}


@sends.once
def _prepare_and_send(
    backend: Backend,
    session: Row,
    kind: Kind,
    source: Source,
    beside: dict[str, Any],
    sending: dict[str, Any],
    claimed: str | None,
    file_name: str | None,
) -> dict[str, Any]:
    outbox.require_ready(backend, session, queued=sending["use_queue"])
    with collect(source, backend.spool, backend.fetcher, kind.value) as draft:
        hints = (getattr(source, "mimetype", None), file_name or name_of(source))
        mimetype = true_type(kind, draft.head, claimed, hints)
        name = draft.keep(name_to_send(session.id))
    media = {"spool": name, "mimetype": mimetype, "size": draft.size, "sha256": draft.sha256}
    try:
        return sends.submit(backend, session, f"send_{kind.value}", {"media": media, **beside}, **sending)
    except FlashAPIError as error:
        if error.status < 500:  # it has no row, or one that has failed; of the rest the worker or the sweep knows
            backend.spool.remove(name)
        raise


def _as_sent(backend: Backend, session: Row, message_id: str) -> dict[str, Any] | None:
    try:
        row = history.find(backend, session, message_id)
    except DatabaseUnavailable:  # it was sent, which must be said
        return None
    return _file_of(row) if row is not None else None


@dataclass(frozen=True)
class Received:
    """A message's file, decrypted, and what the message says of it."""

    path: Path
    mimetype: str
    file_name: str | None
    sha256: str | None


def fetch(backend: Backend, session: Row, message_id: str) -> Received:
    """The file of a message, downloaded from WhatsApp unless it was lately.

    Raises NotFound, TooLarge, Gone when WhatsApp has it no more, WhatsAppError, SessionNotConnected.
    """
    row = history.find(backend, session, message_id)
    if row is None:
        raise NotFound(history.NO_MESSAGE)
    file = _file_of(row)
    if file is None:
        raise NotFound(NO_MEDIA)
    if backend.spool.find_received(session.id, message_id) is None:
        outbox.require_ready(backend, session, queued=False)
    path = fetching.fetch(
        backend.dispatcher, backend.spool, session, message_id, file.get("size", 0), request_id=request_id()
    )
    return Received(path, file["mimetype"], file.get("fileName"), file.get("sha256"))


def _file_of(row: Row) -> dict[str, Any] | None:
    return media_of(json.loads(row.content).get("message") or {})

