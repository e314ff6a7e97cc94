"""What is particular to a message's kind, as typed fields beside the contract's: place, cards, poll, vote, reaction,
edit, revocation, answer to buttons; and for any kind what it quotes, mentions, and whether it was forwarded."""

from collections.abc import Callable
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message


def details_of(message: Message, kind: str) -> dict[str, Any]:
    """The fields of this message; {} for a plain text. `kind` is in the contract's spelling."""
    content = _content(message, kind)
    if content is None:
        return {}
    found = dict(KINDS[kind](content)) if kind in KINDS else {}
    if content.DESCRIPTOR.fields_by_name.get("contextInfo") is not None and content.HasField("contextInfo"):
        found |= _context(content.contextInfo)
    return found


def _content(message: Message, kind: str) -> Any:
    for field, value in message.ListFields():
        if field.message_type is not None and field.name[:1].lower() + field.name[1:] == kind:
            return value
    return None


def _context(context: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if context.stanzaID:
        found["quoted"] = {"id": context.stanzaID, "sender": context.participant or None}
    if context.mentionedJID:
        found["mentions"] = list(context.mentionedJID)
    if context.isForwarded:
        found["forwarded"] = True
    return found


def _location(place: Any) -> dict[str, Any]:
    return {
        "location": {
            "latitude": place.degreesLatitude,
            "longitude": place.degreesLongitude,
            "name": getattr(place, "name", "") or None,
            "address": getattr(place, "address", "") or None,
            "live": place.DESCRIPTOR.name == "LiveLocationMessage",
        }
    }


def _contact(card: Any) -> dict[str, Any]:
    return {"contacts": [{"displayName": card.displayName, "vcard": card.vcard}]}


def _contacts(listed: Any) -> dict[str, Any]:
    return {"contacts": [{"displayName": card.displayName, "vcard": card.vcard} for card in listed.contacts]}


def _poll(poll: Any) -> dict[str, Any]:
    return {
        "poll": {
            "name": poll.name,
            "options": [option.optionName for option in poll.options],
            "selectableCount": poll.selectableOptionsCount,
        }
    }


def _vote(update: Any) -> dict[str, Any]:
    return {"vote": {"pollId": update.pollCreationMessageKey.ID, "options": None}}


def _reaction(reaction: Any) -> dict[str, Any]:
    return {"reaction": {"emoji": reaction.text, "messageId": reaction.key.ID}}


def _protocol(protocol: Any) -> dict[str, Any]:
    if protocol.type == protocol.Type.REVOKE:
        return {"revoke": {"messageId": protocol.key.ID}}
    return {"edit": {"messageId": protocol.key.ID}}


def _button(answer: Any) -> dict[str, Any]:
    return {"answer": {"id": answer.selectedButtonID, "text": answer.selectedDisplayText}}


def _template_button(answer: Any) -> dict[str, Any]:
    return {"answer": {"id": answer.selectedID, "text": answer.selectedDisplayText}}


def _list_row(answer: Any) -> dict[str, Any]:
    return {"answer": {"id": answer.singleSelectReply.selectedRowID, "text": answer.title}}


def _invitation(invitation: Any) -> dict[str, Any]:
    return {
        "invite": {
            "groupJid": invitation.groupJID,
            "subject": invitation.groupName,
            "code": invitation.inviteCode,
            "expiresAt": invitation.inviteExpiration,
        }
    }


KINDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollUpdateMessage": _vote,
    "reactionMessage": _reaction,
    "protocolMessage": _protocol,
    "buttonsResponseMessage": _button,
    "templateButtonReplyMessage": _template_button,
    "listResponseMessage": _list_row,
    "groupInviteMessage": _invitation,
}
"""By kind; a function of the field's content."""
