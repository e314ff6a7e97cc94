"""End-to-end message content: how it is wrapped, padded, and recognised by kind."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.protobufs import DecodeError, e2e

Message: TypeAlias = Any  # waE2E.Message, which has no types

_MAX_PADDING = 16
_WRAPPER = (
    "FutureProofMessage"  # the type of all fields that only hold another message: ephemeral, view once, edited...
)

# Fields that ride along with a content or are for the device alone; none of them is anything to show.
_SILENT = frozenset(
    {"messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage"}
)

_AMENDMENTS = {e2e.ProtocolMessage.REVOKE: "revoke", e2e.ProtocolMessage.MESSAGE_EDIT: "edit"}


class InvalidContent(ValueError):
    """A plaintext that is no padded message."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """A message that changes an earlier one; `message` is the new content of an edit."""

    kind: str
    message_id: str
    from_me: bool  # the earlier message is by the same author
    message: Message | None


def text_message(text: str) -> Message:
    return e2e.Message(conversation=text)


def key_share(keys: Iterable[tuple[bytes, bytes]], *, timestamp: int) -> Message:
    """Hand app state keys, pairs of id and key data, to an own linked device; `timestamp` is in milliseconds."""
    shared = [
        e2e.AppStateSyncKey(
            keyID=e2e.AppStateSyncKeyId(keyID=key_id),
            keyData=e2e.AppStateSyncKeyData(
                keyData=key_data,
                fingerprint=e2e.AppStateSyncKeyFingerprint(rawID=1, currentIndex=0, deviceIndexes=[0]),
                timestamp=timestamp,
            ),
        )
        for key_id, key_data in keys
    ]
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            type=e2e.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE,
            appStateSyncKeyShare=e2e.AppStateSyncKeyShare(keys=shared),
        )
    )


def for_own_devices(message: Message, destination: str) -> Message:
    """The copy of a sent message that the sender's other devices get; `destination` is the chat's JID."""
    return e2e.Message(deviceSentMessage=e2e.DeviceSentMessage(destinationJID=destination, message=message))


def from_own_device(message: Message) -> tuple[Message, str | None]:
    """The content of such a copy and the chat it was sent to; any other message and None."""
    if message.HasField("deviceSentMessage"):
        return message.deviceSentMessage.message, message.deviceSentMessage.destinationJID
    return message, None


def encode(message: Message) -> bytes:
    """The plaintext to encrypt: the protobuf, then 1 to 16 bytes that each tell how many they are."""
    padding = secrets.randbelow(_MAX_PADDING) + 1
    plaintext: bytes = message.SerializeToString() + bytes([padding]) * padding
    return plaintext


def decode(plaintext: bytes) -> Message:
    """The message in a decrypted plaintext. Raises InvalidContent."""
    padding = plaintext[-1] if plaintext else 0
    if not 0 < padding <= len(plaintext) or plaintext[-padding:] != bytes([padding]) * padding:
        raise InvalidContent("the padding is wrong")
    message = e2e.Message()
    try:
        message.ParseFromString(plaintext[:-padding])
    except DecodeError as error:
        raise InvalidContent("the plaintext is no message") from error
    return message


def content_of(message: Message) -> tuple[str, Any] | None:
    """What is in a message, whatever it is wrapped in: the field's name and value; None if there is nothing to show."""
    message = unwrap(message)
    for field, content in message.ListFields():
        if field.name not in _SILENT and (field.name != "protocolMessage" or amendment_in(message)):
            return field.name, content
    return None


def amendment_in(message: Message) -> Amendment | None:
    """Whether the message revokes or edits an earlier one."""
    protocol = unwrap(message).protocolMessage
    kind = _AMENDMENTS.get(protocol.type) if protocol.HasField("type") else None
    if kind is None:
        return None
    content = protocol.editedMessage if protocol.HasField("editedMessage") else None
    return Amendment(kind, protocol.key.ID, protocol.key.fromMe, content)


def unwrap(message: Message) -> Message:
    """The message inside the fields that only hold another one."""
    for field, content in message.ListFields():
        if field.message_type is not None and field.message_type.name == _WRAPPER:
            return unwrap(content.message)
    return message
