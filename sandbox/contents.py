"""The messages a phone writes, kind by kind, as phones build them; who and where is for others to say."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sandbox.media_keys import Sealed
from sandbox.messages import Message, content_of, unwrap
from sandbox.protobufs import common, e2e

Key = Any  # waCommon.MessageKey: a message as another one refers to it

# The content's class and the field it goes into, by kind of file.
FILE_KINDS = {
    "image": (e2e.ImageMessage, "imageMessage"),
    "video": (e2e.VideoMessage, "videoMessage"),
    "audio": (e2e.AudioMessage, "audioMessage"),
    "document": (e2e.DocumentMessage, "documentMessage"),
    "sticker": (e2e.StickerMessage, "stickerMessage"),
}


class NoContext(ValueError):
    """A kind of message that neither quotes nor mentions."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the media server."""

    sealed: Sealed
    direct_path: str
    url: str


def write_text(text: str, preview: dict[str, str] | None = None) -> Message:
    """Text; with a preview of the link in it, {url, title, description}."""
    if not preview:
        return e2e.Message(conversation=text)
    link = e2e.ExtendedTextMessage(text=text, matchedText=preview["url"], title=preview["title"])
    if preview.get("description"):
        link.description = preview["description"]
    return e2e.Message(extendedTextMessage=link)


def write_file(kind: str, file: StoredFile, *, view_once: bool = False, **fields: Any) -> Message:
    """A message with a file; `fields` are those of its content, None for the ones to leave out."""
    content_class, field = FILE_KINDS[kind]
    content = content_class(
        URL=file.url,
        directPath=file.direct_path,
        mediaKey=file.sealed.media_key,
        fileSHA256=file.sealed.sha256,
        fileEncSHA256=file.sealed.enc_sha256,
        fileLength=file.sealed.size,
        mediaKeyTimestamp=int(time.time()),
        **{name: value for name, value in fields.items() if value is not None},
    )
    if view_once:
        content.viewOnce = True
    message = e2e.Message(**{field: content})
    if view_once:
        return e2e.Message(viewOnceMessageV2=e2e.FutureProofMessage(message=message))
    if kind == "document" and content.caption:
        return e2e.Message(documentWithCaptionMessage=e2e.FutureProofMessage(message=message))
    return message


def write_location(latitude: float, longitude: float, name: str | None, address: str | None) -> Message:
    location = e2e.LocationMessage(degreesLatitude=latitude, degreesLongitude=longitude)
    if name:
        location.name = name
    if address:
        location.address = address
    return e2e.Message(locationMessage=location)


def write_contacts(contacts: list[tuple[str, str]]) -> Message:
    """Cards, as pairs of name and vCard."""
    cards = [e2e.ContactMessage(displayName=name, vcard=vcard) for name, vcard in contacts]
    if len(cards) == 1:
        return e2e.Message(contactMessage=cards[0])
    title = f"{len(cards)} contatos"
    return e2e.Message(contactsArrayMessage=e2e.ContactsArrayMessage(displayName=title, contacts=cards))


def write_poll(question: str, options: list[str], selectable: int) -> Message:
    """A poll; `selectable` 0 lets everybody choose as many as they like. Phones have a field for each of the two."""
    poll = e2e.PollCreationMessage(
        name=question,
        options=[e2e.PollCreationMessage.Option(optionName=option) for option in options],
        selectableOptionsCount=selectable,
    )
    field = "pollCreationMessageV3" if selectable == 1 else "pollCreationMessage"
    context = e2e.MessageContextInfo(messageSecret=secrets.token_bytes(32))
    return e2e.Message(**{field: poll}, messageContextInfo=context)


def react(key: Key, emoji: str) -> Message:
    """A reaction; without an emoji it takes an earlier one back."""
    return e2e.Message(reactionMessage=e2e.ReactionMessage(key=key, text=emoji, senderTimestampMS=_now_ms()))


def revoke(key: Key) -> Message:
    return e2e.Message(protocolMessage=e2e.ProtocolMessage(type=e2e.ProtocolMessage.REVOKE, key=key))


def edit(key: Key, original: Message, text: str) -> Message:
    """The new text, or caption, of an earlier message."""
    found = content_of(original)
    if found and hasattr(found[1], "caption"):
        edited = e2e.Message()
        edited.CopyFrom(unwrap(original))
        getattr(edited, found[0]).caption = text
    else:
        edited = e2e.Message(conversation=text)
    protocol = e2e.ProtocolMessage(
        type=e2e.ProtocolMessage.MESSAGE_EDIT, key=key, editedMessage=edited, timestampMS=_now_ms()
    )
    return e2e.Message(editedMessage=e2e.FutureProofMessage(message=e2e.Message(protocolMessage=protocol)))


def refer_to(chat: str, id: str, *, from_me: bool, participant: str | None) -> Key:
    """Name a message; `participant` is its author, for groups."""
    key = common.MessageKey(remoteJID=chat, fromMe=from_me, ID=id)
    if participant:
        key.participant = participant
    return key


def add_quote(message: Message, id: str, author: str, quoted: Message) -> None:
    """Make a message the answer to another. Raises NoContext."""
    context = _context_of(message)
    context.stanzaID, context.participant = id, author
    context.quotedMessage.CopyFrom(quoted)
    context.quotedMessage.ClearField("messageContextInfo")


def add_mentions(message: Message, people: list[str]) -> None:
    """Mention people by their addresses. Raises NoContext."""
    _context_of(message).mentionedJID.extend(people)


def _context_of(message: Message) -> Any:
    """Where a message says what it answers; plain text becomes the kind of text that can."""
    inner = unwrap(message)
    if inner.HasField("conversation"):
        text = inner.conversation
        inner.ClearField("conversation")
        inner.extendedTextMessage.text = text
    found = content_of(inner)
    if found is None or isinstance(found[1], str) or "contextInfo" not in found[1].DESCRIPTOR.fields_by_name:
        raise NoContext
    return found[1].contextInfo


def _now_ms() -> int:
    return int(time.time() * 1000)
