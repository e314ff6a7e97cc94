"""Sends that carry no text of their own and no file: places, polls, contacts, reactions; and edits and forwards."""

import re
from typing import Any

from marshmallow import ValidationError, post_load, validate, validates_schema

from flashapi.schemas.fields import Decimal, Emoji, Flag, ListOf, Nested, Recipient, Sentence, Text, TextList, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.messages import TEXT_LONGEST
from flashapi.schemas.sends import SendSchema, TimedSchema, message_id_field, to_field
from flashapi.schemas.texts import at_most

NO_PLACE = Sentence("to, latitude e longitude são obrigatórios")
NO_POLL = Sentence("to, name e options são obrigatórios")
NO_CONTACT = Sentence("to e contact são obrigatórios")
NO_REACTION = Sentence("to, messageId e emoji são obrigatórios")
NO_EDIT = Sentence("messageId e text são obrigatórios")
NO_FORWARD = Sentence("to e messageId são obrigatórios")
OPTIONS_FEWEST, OPTIONS_MOST = 2, 12
OPTION_COUNT = Sentence(f"A enquete deve ter entre {OPTIONS_FEWEST} e {OPTIONS_MOST} opções")
CARDS_MOST = 100
OPTION_LONGEST, NAME_LONGEST, VCARD_LONGEST, EMOJI_LONGEST = 100, 255, 65_536, 64
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Maria\nTEL;type=CELL;waid=5599999999999:+55 99 99999-9999\nEND:VCARD"
_FORMATTED_NAME = re.compile(r"^(?:[\w-]+\.)?FN(?:;[^:\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)


class LocationSchema(SendSchema):
    """A place to send."""

    to = to_field(NO_PLACE)
    latitude = Decimal(low=-90, high=90, required=True, error_messages={"required": NO_PLACE})
    longitude = Decimal(low=-180, high=180, required=True, error_messages={"required": NO_PLACE})
    name = Text(load_default="", validate=at_most(NAME_LONGEST), metadata={"example": "Praça da Sé"})
    address = Text(load_default="", validate=at_most(1_000), metadata={"example": "São Paulo - SP"})


class PollSchema(SendSchema):
    """A poll to send."""

    to = to_field(NO_POLL)
    name = Text(
        required=True,
        error_messages={"required": NO_POLL},
        validate=at_most(NAME_LONGEST),
        metadata={"description": "A pergunta", "example": "Qual o melhor dia?"},
    )
    options = TextList(
        required=True, error_messages={"required": NO_POLL}, metadata={"example": ["Sexta", "Sábado"]}
    )
    selectable_count = Whole(
        low=0,
        high=OPTIONS_MOST,
        data_key="selectableCount",
        load_default=1,
        metadata={"description": "Quantas opções cada um pode escolher; 0: quantas quiser"},
    )

    @validates_schema
    def check_options(self, data: dict[str, Any], **_: Any) -> None:
        """Two to twelve different options, none of them empty."""
        options = data["options"]
        if not OPTIONS_FEWEST <= len(options) <= OPTIONS_MOST:
            raise ValidationError(OPTION_COUNT, "options")
        if any(not option.strip() or len(option) > OPTION_LONGEST for option in options):
            raise ValidationError(f"devem ter de 1 a {OPTION_LONGEST} caracteres cada", "options")
        if len(set(options)) < len(options):
            raise ValidationError("não podem se repetir", "options")
        if data["selectable_count"] > len(options):
            raise ValidationError("não pode passar do número de opções", "selectableCount")


class CardSchema(InputSchema):
    """Somebody's card."""

    display_name = Text(
        data_key="displayName",
        load_default="",
        validate=at_most(NAME_LONGEST),
        metadata={"description": "Se ausente, o nome que está no vCard (FN)", "example": "Maria"},
    )
    vcard = Text(required=True, validate=at_most(VCARD_LONGEST), metadata={"example": VCARD})

    @post_load
    def take_name(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Without a name beside it the card goes by the one it holds."""
        return {**data, "display_name": data["display_name"] or _name_in(data["vcard"])}


def _name_in(vcard: str) -> str:
    found = _FORMATTED_NAME.search(vcard)
    return found[1].strip().replace("\\", "")[:NAME_LONGEST] if found else ""


class ContactSchema(SendSchema):
    """Somebody's card to send, or several."""

    to = to_field(NO_CONTACT)
    contact = Nested(CardSchema, metadata={"description": "Um contato; ou `contacts`, para vários"})
    contacts = ListOf(
        Nested(CardSchema, required=True),
        validate=validate.Length(min=1, max=CARDS_MOST, error=f"deve ter de 1 a {CARDS_MOST} contatos"),
    )

    @validates_schema
    def check_cards(self, data: dict[str, Any], **_: Any) -> None:
        """One of the two."""
        if "contact" not in data and "contacts" not in data:
            raise ValidationError(NO_CONTACT, "to")


class ReactionSchema(TimedSchema):
    """An emoji on a message."""

    to = to_field(NO_REACTION)
    message_id = message_id_field(NO_REACTION, data_key="messageId")
    emoji = Emoji(
        required=True,
        error_messages={"required": NO_REACTION},
        validate=at_most(EMOJI_LONGEST),
        metadata={"description": "Vazio remove a reação", "example": "👍"},
    )


class EditSchema(TimedSchema):
    """A new text for a message this session has sent."""

    message_id = message_id_field(NO_EDIT, data_key="messageId")
    text = Text(
        required=True,
        error_messages={"required": NO_EDIT},
        validate=at_most(TEXT_LONGEST),
        metadata={"example": "Olá, corrigido!"},
    )


class ForwardSchema(TimedSchema):
    """A message to send on."""

    to = to_field(NO_FORWARD)
    message_id = message_id_field(NO_FORWARD, data_key="messageId")


class TypingSchema(InputSchema):
    """Typing begins or ends."""

    to = to_field(Sentence("to e typing são obrigatórios"))
    typing = Flag(required=True, error_messages={"required": Sentence("to e typing são obrigatórios")})
    recording = Flag(load_default=False, metadata={"description": "Mostrar que grava um áudio em vez de digitar"})


class MarkReadSchema(InputSchema):
    """What has been read: one message, or everything received in a chat."""

    jid = Recipient(
        required=True,
        error_messages={"required": Sentence("jid é obrigatório")},
        metadata={"description": "O chat: número ou JID", "example": "5599999999999@s.whatsapp.net"},
    )
    message_id = message_id_field(data_key="messageId", load_default=None)


class SubscribeSchema(InputSchema):
    """Whose presence to follow."""

    jid = Recipient(
        required=True,
        error_messages={"required": Sentence("jid é obrigatório")},
        metadata={"description": "Número ou JID de uma pessoa", "example": "5599999999999"},
    )
