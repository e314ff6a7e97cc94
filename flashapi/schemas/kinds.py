"""Sends that carry no text of their own and no file: places, polls, contacts, reactions; and edits and forwards."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flashapi.schemas.fields import Decimal, Flag, Recipient, Sentence, Text, TextList, Whole
from flashapi.schemas.messages import TEXT_LONGEST
from flashapi.schemas.sends import SendSchema, TimedSchema, message_id_field, to_field

NO_PLACE = Sentence("to, latitude e longitude são obrigatórios")
NO_POLL = Sentence("to, name e options são obrigatórios")
NO_CONTACT = Sentence("to e contact são obrigatórios")
NO_REACTION = Sentence("to, messageId e emoji são obrigatórios")
NO_EDIT = Sentence("messageId e text são obrigatórios")
NO_FORWARD = Sentence("to e messageId são obrigatórios")
OPTIONS_FEWEST, OPTIONS_MOST = 2, 12
OPTION_COUNT = Sentence(f"A enquete deve ter entre {OPTIONS_FEWEST} e {OPTIONS_MOST} opções")
OPTION_LONGEST, NAME_LONGEST, VCARD_LONGEST, EMOJI_LONGEST = 100, 255, 65_536, 64
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Maria\nTEL;type=CELL;waid=5599999999999:+55 99 99999-9999\nEND:VCARD"


def _at_most(longest: int) -> validate.Length:
    return validate.Length(max=longest, error=f"deve ter no máximo {longest} caracteres")


class LocationSchema(SendSchema):
    """A place to send."""

    to = to_field(NO_PLACE)
    latitude = Decimal(low=-90, high=90, required=True, error_messages={"required": NO_PLACE})
    longitude = Decimal(low=-180, high=180, required=True, error_messages={"required": NO_PLACE})
    name = Text(load_default="", validate=_at_most(NAME_LONGEST), metadata={"example": "Praça da Sé"})
    address = Text(load_default="", validate=_at_most(1_000), metadata={"example": "São Paulo - SP"})


class PollSchema(SendSchema):
    """A poll to send."""

    to = to_field(NO_POLL)
    name = Text(
        required=True,
        error_messages={"required": NO_POLL},
        validate=_at_most(NAME_LONGEST),
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


class CardSchema(Schema):
    """Somebody's card."""

    display_name = Text(
        data_key="displayName", required=True, validate=_at_most(NAME_LONGEST), metadata={"example": "Maria"}
    )
    vcard = Text(required=True, validate=_at_most(VCARD_LONGEST), metadata={"example": VCARD})


class ContactSchema(SendSchema):
    """Somebody's card to send, or several."""

    to = to_field(NO_CONTACT)
    contact = fields.Nested(CardSchema, metadata={"description": "Um contato; ou `contacts`, para vários"})
    contacts = fields.List(fields.Nested(CardSchema), validate=validate.Length(min=1, max=100))

    @validates_schema
    def check_cards(self, data: dict[str, Any], **_: Any) -> None:
        """One of the two."""
        if "contact" not in data and "contacts" not in data:
            raise ValidationError(NO_CONTACT, "to")


class ReactionSchema(TimedSchema):
    """An emoji on a message."""

    to = to_field(NO_REACTION)
    message_id = message_id_field(NO_REACTION, data_key="messageId")
    emoji = fields.String(
        required=True,
        error_messages={"required": NO_REACTION, "null": NO_REACTION, "invalid": "deve ser um texto"},
        validate=_at_most(EMOJI_LONGEST),
        metadata={"description": "Vazio remove a reação", "example": "👍"},
    )


class EditSchema(TimedSchema):
    """A new text for a message this session has sent."""

    message_id = message_id_field(NO_EDIT, data_key="messageId")
    text = Text(
        required=True,
        error_messages={"required": NO_EDIT},
        validate=_at_most(TEXT_LONGEST),
        metadata={"example": "Olá, corrigido!"},
    )


class ForwardSchema(TimedSchema):
    """A message to send on."""

    to = to_field(NO_FORWARD)
    message_id = message_id_field(NO_FORWARD, data_key="messageId")


class TypingSchema(Schema):
    """Typing begins or ends."""

    to = to_field(Sentence("to e typing são obrigatórios"))
    typing = Flag(required=True, error_messages={"required": Sentence("to e typing são obrigatórios")})
    recording = Flag(load_default=False, metadata={"description": "Mostrar que grava um áudio em vez de digitar"})


class MarkReadSchema(Schema):
    """What has been read: one message, or everything received in a chat."""

    jid = Recipient(
        required=True,
        error_messages={"required": Sentence("jid é obrigatório")},
        metadata={"description": "O chat: número ou JID", "example": "5599999999999@s.whatsapp.net"},
    )
    message_id = message_id_field(data_key="messageId", load_default=None)


class SubscribeSchema(Schema):
    """Whose presence to follow."""

    jid = Recipient(
        required=True,
        error_messages={"required": Sentence("jid é obrigatório")},
        metadata={"description": "Número ou JID de uma pessoa", "example": "5599999999999"},
    )
