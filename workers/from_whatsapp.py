"""From WhatsApp: neonize protobufs → events. Pure: no database, no client."""

import json
import re
from typing import Any

import structlog
from google.protobuf.json_format import MessageToDict
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.chat_events import MessageUndecryptable
from flashapi.events import MessageReceived, MessageStatus, MessageUpdate, Person, PresenceUpdate
from workers.details import details_of

log = structlog.get_logger()

PHONE_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"

_Receipt = wire.Receipt.ReceiptType
RECEIPT_STATUS: dict[int, MessageStatus] = {
    _Receipt.DELIVERED: MessageStatus.DELIVERED,
    _Receipt.INACTIVE: MessageStatus.DELIVERED,  # delivered to a device that isn't shown as online
    _Receipt.READ: MessageStatus.READ,
    _Receipt.PLAYED: MessageStatus.PLAYED,
}
OWN_RECEIPT_STATUS: dict[int, MessageStatus] = {
    _Receipt.READ_SELF: MessageStatus.READ,  # read on another device of this account
    _Receipt.PLAYED_SELF: MessageStatus.PLAYED,
}

NOT_SHOWN = frozenset(
    {
        "messageContextInfo",  # metadata beside the content
        "senderKeyDistributionMessage",  # key material for a group
        "fastRatchetKeySenderKeyDistributionMessage",
    }
)
"""Fields of a message that are no content: a message of only these is no event."""

_Protocol = Message.DESCRIPTOR.fields_by_name["protocolMessage"].message_type
_SHOWN_PROTOCOL = frozenset(
    _Protocol.fields_by_name["type"].enum_type.values_by_name[name].number for name in ("REVOKE", "MESSAGE_EDIT")
)


def message_events(raw: bytes) -> list[MessageReceived]:
    """A message as an event; none for key distributions, peer messages and the like."""
    received = wire.Message.FromString(raw)
    kind = content_kind(received.Message)
    if kind is None or received.Info.Category == "peer":
        return []
    source = received.Info.MessageSource
    sender = person(source.Sender, source.SenderAlt)
    return [
        MessageReceived(
            id=received.Info.ID,
            chat=chat_of(source),
            sender=sender,
            from_me=source.IsFromMe,
            is_group=source.IsGroup,
            push_name=received.Info.Pushname or None,
            timestamp=received.Info.Timestamp // 1_000,  # neonize gives milliseconds
            kind=kind,
            content=text_of(received.Message, kind),
            message=message_json(received.Message),
            details=details_of(received.Message, kind),
            raw=received.Message.SerializeToString(),
        )
    ]


def undecryptable(raw: bytes) -> MessageUndecryptable | None:
    """A message that can't be read, as an event; None for messages between the account's own devices."""
    received = wire.UndecryptableMessage.FromString(raw)
    if received.Info.Category == "peer":
        return None
    source = received.Info.MessageSource
    return MessageUndecryptable(
        id=received.Info.ID,
        chat=chat_of(source),
        sender=person(source.Sender, source.SenderAlt),
        from_me=source.IsFromMe,
        is_group=source.IsGroup,
        push_name=received.Info.Pushname or None,
        timestamp=received.Info.Timestamp // 1_000,
        unavailable=received.IsUnavailable,
    )


def receipt_updates(raw: bytes) -> list[MessageUpdate]:
    """A receipt as one update per message it speaks of; none for retries, peer and server receipts."""
    receipt = wire.Receipt.FromString(raw)
    source = receipt.MessageSource
    own = receipt.Type in OWN_RECEIPT_STATUS
    status = OWN_RECEIPT_STATUS[receipt.Type] if own else RECEIPT_STATUS.get(receipt.Type)
    if status is None or (source.IsFromMe and not own):
        return []
    who = person(source.Sender, source.SenderAlt)
    return [
        MessageUpdate(
            id=message_id,
            chat=chat_of(source),
            from_me=not own,
            status=status,
            participant=who.preferred if source.IsGroup else None,
        )
        for message_id in receipt.MessageIDs
    ]


def receipt_time(raw: bytes) -> int:
    """When WhatsApp dates the receipt, in ms; it counts whole seconds."""
    return int(wire.Receipt.FromString(raw).Timestamp) * 1_000


def chat_presence_events(raw: bytes) -> list[PresenceUpdate]:
    """Typing, recording, or neither any more."""
    seen = wire.ChatPresence.FromString(raw)
    source = seen.MessageSource
    if seen.State == wire.ChatPresence.ChatPresence.PAUSED:
        presence = "paused"
    else:
        presence = "recording" if seen.Media == wire.ChatPresence.ChatPresenceMedia.AUDIO else "composing"
    return [PresenceUpdate(chat=chat_of(source), person=person(source.Sender, source.SenderAlt), presence=presence)]


def presence_events(raw: bytes) -> list[PresenceUpdate]:
    """Online, or gone and since when."""
    seen = wire.Presence.FromString(raw)
    who = person(seen.From, None)
    presence = "unavailable" if seen.Unavailable else "available"
    last_seen = seen.LastSeen if seen.LastSeen > 0 else None
    return [PresenceUpdate(chat=who.preferred, person=who, presence=presence, last_seen=last_seen)]


def content_kind(message: Message) -> str | None:
    """The name of the field that holds the content, in the contract's spelling; None if there is nothing to show."""
    for field, value in message.ListFields():
        if field.name in NOT_SHOWN:
            continue
        if field.name == "protocolMessage" and value.type not in _SHOWN_PROTOCOL:
            return None
        return json_name(field.name)
    return None


def text_of(message: Message, kind: str) -> str:
    """The contract's `content`: the text or caption, else the whole message as JSON."""
    if kind == "conversation":
        return str(message.conversation)
    if kind == "extendedTextMessage":
        return str(message.extendedTextMessage.text)
    for name in ("imageMessage", "videoMessage", "documentMessage"):
        if kind == name:
            return str(getattr(message, name).caption)
    return json.dumps(message_json(message), ensure_ascii=False)


def message_json(message: Message) -> dict[str, Any]:
    """The message in the original's JSON: Baileys' names, bytes as base64."""
    return {key: value for key, value in renamed(MessageToDict(message)).items() if key != "messageContextInfo"}


def renamed(value: Any) -> Any:
    """The same JSON with whatsmeow's spelling of names (fileSHA256, URL) turned into Baileys' (fileSha256, url)."""
    if isinstance(value, dict):
        return {json_name(key): renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item) for item in value]
    return value


_CAPITALS = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)|[A-Z]{2,}(?=[a-z]|$)")


def json_name(name: str) -> str:
    """whatsmeow's field name in Baileys' spelling: JPEGThumbnail → jpegThumbnail, mentionedJID → mentionedJid."""
    spelled = _CAPITALS.sub(lambda match: match[0][0] + match[0][1:].lower(), name)
    return spelled[:1].lower() + spelled[1:]


def person(jid: wire.JID, alternative: wire.JID | None) -> Person:
    """Somebody by both names, from the pair WhatsApp gives in either order."""
    names = {server: None for server in (PHONE_SERVER, LID_SERVER)}
    found: dict[str, str | None] = dict(names)
    for each in (jid, alternative):
        if each is not None and each.User and each.Server in found:
            found[each.Server] = jid_text(each)
    return Person(jid=found[PHONE_SERVER], lid=found[LID_SERVER])


def chat_of(source: wire.MessageSource) -> str:
    """The chat by its phone JID where known: a chat with a person is named after the other one."""
    if source.Chat.Server != LID_SERVER:
        return jid_text(source.Chat)
    other = source.RecipientAlt if source.IsFromMe else source.SenderAlt
    return jid_text(other) if other.User and other.Server == PHONE_SERVER else jid_text(source.Chat)


def jid_text(jid: wire.JID) -> str:
    """user@server, without the device."""
    return f"{jid.User}@{jid.Server}" if jid.User else str(jid.Server)
