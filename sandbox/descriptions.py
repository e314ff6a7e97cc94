"""What a phone shows of a message it has decrypted: the entry of its inbox, by kind of content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from sandbox.messages import Message, amendment_in, content_of

Details = dict[str, Any]


class Shown(TypedDict):
    """The content of an inbox entry; `type` is the name of the protobuf's field.

    Size and hash (hex) of a file are those that the sender states, until the phone has read it. `quoted` and `target`
    are ids of messages: the one that is answered, the one that is changed, voted on or reacted to.
    """

    type: str
    text: str | None
    caption: str | None
    fileName: str | None
    mimetype: str | None
    size: int | None
    sha256: str | None
    quoted: str | None
    mentions: list[str]
    target: str | None
    details: Details


# Where a content keeps the words that a person reads.
_TEXTS = {
    "extendedTextMessage": "text",
    "reactionMessage": "text",
    "contactMessage": "displayName",
    "contactsArrayMessage": "displayName",
    "locationMessage": "name",
    "pollCreationMessage": "name",
    "pollCreationMessageV2": "name",
    "pollCreationMessageV3": "name",
}


def describe(message: Message) -> Shown | None:
    """What a phone shows of a message; None for one that shows nothing."""
    found = content_of(message)
    if found is None:
        return None
    name, content = found
    context = _value_of(content, "contextInfo")
    return {
        "type": name,
        "text": _text_of(message, name, content),
        "caption": _value_of(content, "caption"),
        "fileName": _value_of(content, "fileName"),
        "mimetype": _value_of(content, "mimetype"),
        "size": _value_of(content, "fileLength"),
        "sha256": content.fileSHA256.hex() if _value_of(content, "fileSHA256") else None,
        "quoted": _value_of(context, "stanzaID") or None,
        "mentions": list(context.mentionedJID) if context else [],
        "target": _target_of(message, name, content),
        "details": _details_of(message, name, content, context),
    }


def _text_of(message: Message, name: str, content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if amendment := amendment_in(message):
        edited = describe(amendment.message) if amendment.message else None
        return edited["text"] or edited["caption"] if edited else None
    text = getattr(content, _TEXTS[name]) if name in _TEXTS else None
    return str(text) if text else None


def _target_of(message: Message, name: str, content: Any) -> str | None:
    if amendment := amendment_in(message):
        return amendment.message_id
    if name == "reactionMessage":
        return str(content.key.ID)
    return str(content.pollCreationMessageKey.ID) if name == "pollUpdateMessage" else None


def _details_of(message: Message, name: str, content: Any, context: Any) -> Details:
    """What is particular to a kind; only what applies and is set."""
    if amendment := amendment_in(message):
        return {"action": amendment.kind}
    details = _PARTICULARS[name](content) if name in _PARTICULARS else {}
    if context and context.isForwarded:
        details |= {"forwarded": True, "forwardingScore": context.forwardingScore}
    return details


def _picture(content: Any) -> Details:
    details = {key: value for key in ("width", "height") if (value := _value_of(content, key)) is not None}
    if thumbnail := _value_of(content, "JPEGThumbnail"):
        details["thumbnail"] = len(thumbnail)
    return details | ({"viewOnce": True} if _value_of(content, "viewOnce") else {})


def _video(content: Any) -> Details:
    return _picture(content) | {"seconds": content.seconds, "gifPlayback": content.gifPlayback}


def _audio(content: Any) -> Details:
    return {"seconds": content.seconds, "ptt": content.PTT, "waveform": len(content.waveform)}


def _document(content: Any) -> Details:
    details = {key: value for key in ("title", "pageCount") if (value := _value_of(content, key)) is not None}
    return details | _picture(content)


def _sticker(content: Any) -> Details:
    return _picture(content) | {"animated": content.isAnimated}


def _location(content: Any) -> Details:
    details: Details = {"latitude": content.degreesLatitude, "longitude": content.degreesLongitude}
    return details | {"name": content.name or None, "address": content.address or None}


def _contact(content: Any) -> Details:
    return {"name": content.displayName, "vcard": content.vcard}


def _contacts(content: Any) -> Details:
    return {"contacts": [_contact(contact) for contact in content.contacts]}


def _poll(content: Any) -> Details:
    options = [option.optionName for option in content.options]
    return {"question": content.name, "options": options, "selectable": content.selectableOptionsCount}


def _reaction(content: Any) -> Details:
    return {"emoji": content.text}


def _link(content: Any) -> Details:
    keys = {"url": "matchedText", "title": "title", "description": "description"}
    details = {key: value for key, field in keys.items() if (value := _value_of(content, field))}
    return details | _picture(content)


_PARTICULARS: dict[str, Callable[[Any], Details]] = {
    "extendedTextMessage": _link,
    "imageMessage": _picture,
    "videoMessage": _video,
    "ptvMessage": _video,
    "audioMessage": _audio,
    "documentMessage": _document,
    "stickerMessage": _sticker,
    "locationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "reactionMessage": _reaction,
}


def _value_of(content: Any, name: str) -> Any:
    """A field that only some contents have; None where it is missing or not set."""
    if content is None or isinstance(content, str) or name not in content.DESCRIPTOR.fields_by_name:
        return None
    return getattr(content, name) if content.HasField(name) else None
