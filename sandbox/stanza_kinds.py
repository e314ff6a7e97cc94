"""What the network is told about an encrypted message: its rough kind, written outside the encryption.

The names are those that clients write (whatsmeow, send.go: getTypeFromMessage and what follows it).
"""

from __future__ import annotations

from sandbox.messages import Message, amendment_in, content_of
from sandbox.protobufs import e2e

_KINDS = {
    "reactionMessage": "reaction",
    "pollCreationMessage": "poll",
    "pollCreationMessageV2": "poll",
    "pollCreationMessageV3": "poll",
    "pollUpdateMessage": "poll",
}
_MEDIA_KINDS = {
    "imageMessage": "image",
    "stickerMessage": "sticker",
    "documentMessage": "document",
    "contactMessage": "vcard",
    "contactsArrayMessage": "contact_array",
    "locationMessage": "location",
}


def kind_of(message: Message) -> str:
    """The `type` of the message stanza."""
    found = content_of(message)
    kind = _KINDS.get(found[0]) if found else None
    return kind or ("media" if media_kind_of(message) else "text")


def media_kind_of(message: Message) -> str | None:
    """The `mediatype` of the ciphertext; None for what is no media."""
    found = content_of(message)
    if found is None:
        return None
    name, content = found
    if name == "audioMessage":
        return "ptt" if content.PTT else "audio"
    if name == "videoMessage":
        return "gif" if content.gifPlayback else "video"
    if name == "extendedTextMessage" and content.HasField("title"):
        return "url"
    return _MEDIA_KINDS.get(name)


def edit_mark(message: Message) -> str | None:
    """The `edit` of a message stanza that changes an earlier message: 1 edits, 7 takes back, 8 is an admin's taking."""
    amendment = amendment_in(message)
    if amendment is not None:
        if amendment.kind == "edit":
            return "1"
        return "7" if amendment.from_me else "8"
    found = content_of(message)
    if found and isinstance(found[1], e2e.ReactionMessage) and not found[1].text:
        return "7"
    return None
