"""Sends with a file: spooled file → uploaded, encrypted file and the protobuf that names it; and the way back.

Shapes as WhatsApp's own clients write them (whatsmeow, upload.go and send.go; Baileys, Utils/messages-media).
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
    AudioMessage,
    DocumentMessage,
    ImageMessage,
    Message,
    StickerMessage,
    VideoMessage,
)
from neonize.utils.enum import MediaType

from flashapi.dispatch import Action
from flashapi.errors import FlashAPIError, Gone, SessionNotConnected, WhatsAppError
from flashapi.media import patience
from flashapi.media.spool import received_name
from workers.actions.workshop import Workshop
from workers.media import films, pictures, receiving, sounds
from workers.refusals import judge

log = structlog.get_logger()

UPLOAD_TRIES = 2
DOWNLOAD_TRIES = 3
WEBP = "image/webp"
PREVIEWED = ("image/jpeg", "image/png", "image/webp")
"""Documents of these types get a thumbnail."""
GONE = ("status code 404", "status code 410", "status code 403")
"""Texts of whatsmeow's download errors for files that WhatsApp keeps no more (errors.go)."""

Media = dict[str, Any]
"""A payload's reference to a spooled file: spool, mimetype, size, sha256."""


def send_image(workshop: Workshop, *, media: Media, caption: str) -> Message:
    """A picture."""
    with workshop.opened(media["spool"]) as path:
        seen = pictures.look_at(path)
        uploaded = _upload(workshop, path.read_bytes(), MediaType.MediaImage)
    image = ImageMessage(
        **uploaded, mimetype=media["mimetype"], width=seen.width, height=seen.height, JPEGThumbnail=seen.thumbnail
    )
    if caption:
        image.caption = caption
    return Message(imageMessage=image)


def send_video(workshop: Workshop, *, media: Media, caption: str, gif_playback: bool) -> Message:
    """A film."""
    with workshop.opened(media["spool"]) as path:
        seen = films.look_at(path)
        uploaded = _upload(workshop, path.read_bytes(), MediaType.MediaVideo)
    video = VideoMessage(
        **uploaded,
        mimetype=media["mimetype"],
        width=seen.width,
        height=seen.height,
        seconds=seen.seconds,
        JPEGThumbnail=seen.thumbnail,
    )
    if caption:
        video.caption = caption
    if gif_playback:
        video.gifPlayback = True
    return Message(videoMessage=video)


def send_audio(workshop: Workshop, *, media: Media, ptt: bool) -> Message:
    """A sound, or a voice message."""
    with workshop.opened(media["spool"]) as path:
        sound = sounds.as_voice(path) if ptt else sounds.as_audio(path, media["mimetype"])
        content = path.read_bytes() if sound.content is None else sound.content
        uploaded = _upload(workshop, content, MediaType.MediaAudio)
    audio = AudioMessage(**uploaded, mimetype=sound.mimetype, seconds=sound.seconds, PTT=ptt)
    if sound.waveform:
        audio.waveform = sound.waveform
    return Message(audioMessage=audio)


def send_document(workshop: Workshop, *, media: Media, file_name: str, caption: str) -> Message:
    """A file of any type."""
    with workshop.opened(media["spool"]) as path:
        preview = pictures.preview(path) if media["mimetype"] in PREVIEWED else None
        uploaded = _upload(workshop, path.read_bytes(), MediaType.MediaDocument)
    document = DocumentMessage(**uploaded, mimetype=media["mimetype"], fileName=file_name, title=file_name)
    if caption:
        document.caption = caption
    if preview is not None:
        document.JPEGThumbnail = preview
    return Message(documentMessage=document)


def send_sticker(workshop: Workshop, *, media: Media) -> Message:
    """A sticker."""
    with workshop.opened(media["spool"]) as path:
        made = pictures.as_sticker(path)
        content = path.read_bytes() if made.content is None else made.content
        uploaded = _upload(workshop, content, MediaType.MediaImage)
    sticker = StickerMessage(
        **uploaded,
        mimetype=WEBP,
        width=made.width,
        height=made.height,
        isAnimated=made.is_moving,
        stickerSentTS=time.time_ns() // 1_000_000,
    )
    return Message(stickerMessage=sticker)


def download(workshop: Workshop, *, message_id: str, at_most: int | None = None) -> str:
    """Put a message's file, of no more than `at_most` bytes, into the spool, decrypted; returns its name there.

    Raises NotFound for a message without a file, TooLarge, Gone when WhatsApp keeps it no more, WhatsAppError.
    """
    kind, message = receiving.message_with_file(workshop.stored(message_id).message)
    file = getattr(message, kind)
    workshop.files.spool.refuse_beyond_limit(file.fileLength)
    name = received_name(workshop.session_id, message_id)
    if workshop.client.proxy:
        with workshop.files.spool.draft(at_most) as draft, workshop.files.slots.taken(workshop.client):
            draft.write(_through_proxy(workshop, message, file.fileLength))
            return draft.keep(name)
    ends, tries_left = time.monotonic() + patience.to_fetch(file.fileLength), DOWNLOAD_TRIES
    while True:
        tries_left -= 1
        try:
            with workshop.files.spool.draft(at_most) as draft:
                receiving.fetch_into(draft, kind, file, workshop.mode)
                return draft.keep(name)
        except WhatsAppError:
            if not tries_left or time.monotonic() > ends:
                raise


def _through_proxy(workshop: Workshop, message: Message, size: int) -> bytes:
    """The file by neonize's own way: whole in memory."""
    try:
        content: bytes = workshop.call_within(patience.to_fetch(size), "download_any", message)
    except NeonizeError as error:
        raise _not_downloaded(str(error)) from None
    if not content:
        raise WhatsAppError(receiving.NOT_DELIVERED)
    return content


def _upload(workshop: Workshop, content: bytes, kind: MediaType) -> dict[str, Any]:
    """Encrypt and upload; returns the fields that every message with a file has. Raises FlashAPIError: nothing is sent.
    """
    ends = time.monotonic() + patience.to_send(len(content))
    for tries_left in reversed(range(UPLOAD_TRIES)):
        try:
            uploaded = workshop.call_within(ends - time.monotonic(), "upload", content, kind)
            break
        except NeonizeError as error:
            log.warning("upload_failed", size=len(content), error=str(error), tries_left=tries_left)
            if not tries_left:
                raise _not_uploaded(str(error)) from None
    return {
        "URL": uploaded.url,
        "directPath": uploaded.DirectPath,
        "mediaKey": uploaded.MediaKey,
        "mediaKeyTimestamp": int(time.time()),
        "fileEncSHA256": uploaded.FileEncSHA256,
        "fileSHA256": uploaded.FileSHA256,
        "fileLength": uploaded.FileLength,
    }


def _not_uploaded(text: str) -> FlashAPIError:
    if isinstance(judge(text), SessionNotConnected) or "info query" in text or "disconnected" in text:
        return SessionNotConnected()  # nothing was sent: a queued row waits for the connection
    return WhatsAppError("O WhatsApp não aceitou o arquivo")


def _not_downloaded(text: str) -> FlashAPIError:
    log.warning("download_failed", error=text)
    if any(known in text for known in GONE):
        return Gone(receiving.NOT_THERE)
    if isinstance(judge(text), SessionNotConnected):
        return SessionNotConnected()
    return WhatsAppError(receiving.NOT_DELIVERED)


BUILDERS: dict[str, Callable[..., Message]] = {
    "send_image": send_image,
    "send_video": send_video,
    "send_audio": send_audio,
    "send_document": send_document,
    "send_sticker": send_sticker,
}
"""By the outbox row's `action`."""

WITH_FILES: dict[Action, Callable[..., Any]] = {Action.DOWNLOAD_MEDIA: download}
"""Questions that need the workshop: called as function(workshop, **keywords)."""
