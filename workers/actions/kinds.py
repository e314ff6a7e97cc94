"""Sends without files beside text, and what is done to messages already sent → the protobuf neonize is given.

Shapes as WhatsApp's own clients write them (whatsmeow, send.go; Baileys, Utils/messages).
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from neonize.proto.waCommon.WACommon_pb2 import MessageKey
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
    ContactMessage,
    ContactsArrayMessage,
    FutureProofMessage,
    LocationMessage,
    Message,
    PollCreationMessage,
    ProtocolMessage,
    ReactionMessage,
)

from flashapi.errors import InvalidInput
from workers.actions.context import without_context
from workers.actions.workshop import Workshop

SECRET_BYTES = 32
CAPTIONED = ("imageMessage", "videoMessage", "documentMessage")


def send_location(_: Workshop, *, latitude: float, longitude: float, name: str, address: str) -> Message:
    """A place."""
    place = LocationMessage(degreesLatitude=latitude, degreesLongitude=longitude)
    if name:
        place.name = name
    if address:
        place.address = address
    return Message(locationMessage=place)


def send_poll(_: Workshop, *, name: str, options: Sequence[str], selectable_count: int) -> Message:
    """A poll, with the secret that its votes are sealed with."""
    poll = PollCreationMessage(
        name=name,
        options=[PollCreationMessage.Option(optionName=option) for option in options],
        selectableOptionsCount=selectable_count,
    )
    message = Message(pollCreationMessage=poll)
    message.messageContextInfo.messageSecret = os.urandom(SECRET_BYTES)
    return message


def send_contact(_: Workshop, *, cards: Sequence[dict[str, str]]) -> Message:
    """One card, or several in a list."""
    contacts = [ContactMessage(displayName=card["display_name"], vcard=card["vcard"]) for card in cards]
    if len(contacts) == 1:
        return Message(contactMessage=contacts[0])
    listed = ContactsArrayMessage(displayName=f"{len(contacts)} contatos", contacts=contacts)
    return Message(contactsArrayMessage=listed)


def send_reaction(_: Workshop, *, key: dict[str, Any], emoji: str) -> Message:
    """An emoji on the message with this key; an empty one takes it back."""
    reaction = ReactionMessage(key=_message_key(key), text=emoji, senderTimestampMS=_now_ms())
    return Message(reactionMessage=reaction)


def send_edit(workshop: Workshop, *, message_id: str, text: str) -> Message:
    """A new text for a message of ours, or a new caption for its file."""
    stored = workshop.stored(message_id)
    edited = Message()
    if stored.kind in CAPTIONED:
        getattr(edited, stored.kind).CopyFrom(getattr(stored.message, stored.kind))
        getattr(edited, stored.kind).caption = text
    else:
        edited.extendedTextMessage.text = text
    protocol = ProtocolMessage(
        key=MessageKey(remoteJID=stored.chat, fromMe=True, ID=message_id),
        type=ProtocolMessage.Type.MESSAGE_EDIT,
        editedMessage=edited,
        timestampMS=_now_ms(),
    )
    return Message(editedMessage=FutureProofMessage(message=Message(protocolMessage=protocol)))


def send_revoke(_: Workshop, *, key: dict[str, Any]) -> Message:
    """Take a message back for everybody: one of ours, or as an admin of the group anybody's."""
    protocol = ProtocolMessage(key=_message_key(key), type=ProtocolMessage.Type.REVOKE)
    return Message(protocolMessage=protocol)


def forward(workshop: Workshop, *, message_id: str) -> Message:
    """The content of a stored message, marked as forwarded; files go by reference, nothing is uploaded again."""
    stored = workshop.stored(message_id)
    if stored.kind in ("protocolMessage", "reactionMessage", "pollUpdateMessage", "undecryptable"):
        raise InvalidInput("messageId: esta mensagem não pode ser encaminhada")
    message, context = without_context(stored.message)
    context.isForwarded = True
    context.forwardingScore += 1
    if stored.kind.startswith("pollCreationMessage"):
        message.messageContextInfo.messageSecret = os.urandom(SECRET_BYTES)  # a poll of its own
    return message


def _message_key(key: dict[str, Any]) -> MessageKey:
    made = MessageKey(fromMe=key["from_me"], ID=key["id"])
    if key.get("chat"):
        made.remoteJID = key["chat"]
    if key.get("participant"):
        made.participant = key["participant"]
    return made


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


BUILDERS: dict[str, Callable[..., Message]] = {
    "send_location": send_location,
    "send_poll": send_poll,
    "send_contact": send_contact,
    "send_reaction": send_reaction,
    "send_edit": send_edit,
    "send_revoke": send_revoke,
    "forward": forward,
}
"""By the outbox row's `action`."""
