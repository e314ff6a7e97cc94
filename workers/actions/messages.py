"""Sends: keywords of an outbox row → the protobuf that neonize is given.

Always protobuf: neonize's own text sending parses mentions out of the text and fetches addresses by itself.
"""

import base64
from collections.abc import Callable
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ExtendedTextMessage, Message

from workers.actions.workshop import Workshop


def send_text(_: Workshop, *, text: str, preview: dict[str, Any] | None = None) -> Message:
    """A text; with a preview in WhatsApp's extended form."""
    if not preview:
        return Message(conversation=text)
    extended = ExtendedTextMessage(text=text)
    extended.matchedText = preview["url"]
    extended.title = preview.get("title") or ""
    extended.description = preview.get("description") or ""
    extended.previewType = ExtendedTextMessage.PreviewType.NONE
    if preview.get("thumbnail"):
        extended.JPEGThumbnail = base64.b64decode(preview["thumbnail"])
    return Message(extendedTextMessage=extended)


BUILDERS: dict[str, Callable[..., Message]] = {"send_text": send_text}
"""By the outbox row's `action`."""
