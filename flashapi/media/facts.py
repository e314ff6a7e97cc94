"""What a stored or received message says of its file, read from the JSON that keeps it (Baileys' names)."""

import base64
from typing import Any

FILES = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
}
_WRAPPERS = ("documentWithCaptionMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension",
             "ephemeralMessage", "editedMessage")  # fmt: skip
_PLAIN = ("mimetype", "fileName", "caption", "seconds", "width", "height", "ptt", "gifPlayback")
FALLBACK_TYPE = "application/octet-stream"


def media_of(message: dict[str, Any]) -> dict[str, Any] | None:
    """Type, size in bytes, SHA-256 (hex) and whatever else is known of a message's file; None if it has none."""
    kind, found = file_in(message)
    if not kind:
        return None
    media = {name: found[name] for name in _PLAIN if found.get(name) not in (None, "")}
    media.setdefault("mimetype", FALLBACK_TYPE)
    if "fileLength" in found:
        media["size"] = int(found["fileLength"])
    if "fileSha256" in found:
        media["sha256"] = base64.b64decode(found["fileSha256"]).hex()
    return media


def file_in(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The part of a message that describes its file, also inside a wrapper, and that part's name; "" without a file."""
    for name, value in message.items():
        if name in FILES and isinstance(value, dict):
            return name, value
        if name in _WRAPPERS and isinstance(value, dict):
            return file_in(value.get("message", {}))
    return "", {}
