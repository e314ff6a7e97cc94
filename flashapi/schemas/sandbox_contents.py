"""What virtual phones can send, and what else they can do to the sessions they know."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import (
    REQUIRED,
    Decimal,
    Emoji,
    Flag,
    Identifier,
    ListOf,
    Nested,
    Recipient,
    Text,
    TextList,
    Whole,
)
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.sandbox import NUMBER

NEEDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": (),
    "video": (),
    "audio": (),
    "document": ("fileName",),
    "sticker": (),
    "location": ("latitude", "longitude"),
    "contact": (),
    "poll": ("question", "options"),
    "reaction": ("target", "emoji"),
    "edit": ("target", "text"),
    "revoke": ("target",),
    "vote": ("target", "choices"),
}
"""What each type can't do without."""
FILES = ("image", "video", "audio", "document", "sticker")
LARGEST = 128 * 1024 * 1024


class CardOnPhoneSchema(InputSchema):
    """A card a phone sends."""

    name = Text(required=True)
    vcard = Text(required=True)


class PreviewOnPhoneSchema(InputSchema):
    """The preview of a link in a text a phone sends."""

    url = Text(required=True)
    title = Text(required=True)
    description = Text()


class PhoneSendSchema(InputSchema):
    """Anything a phone sends; which fields count depends on `type`."""

    to = Recipient(required=True, metadata={"example": "5511900000002"})
    type = Text(
        load_default="text",
        validate=validate.OneOf(tuple(NEEDS), error=f"deve ser um de: {', '.join(NEEDS)}"),
        metadata={"enum": list(NEEDS)},
    )
    text = Text(metadata={"description": "text, edit", "example": "Oi!"})
    preview = Nested(PreviewOnPhoneSchema, metadata={"description": "text"})
    quoted = Identifier(metadata={"description": "Id da mensagem respondida"})
    mentions = TextList(metadata={"description": "Números ou JIDs"})
    data = Text(metadata={"description": "Arquivos: base64; ou `size`"})
    size = Whole(low=1, high=LARGEST, metadata={"description": "Arquivos: o telefone inventa tantos bytes"})
    declaredSize = Whole(low=0, high=2**40, metadata={"description": "Arquivos: o tamanho que a mensagem alega"})
    mimetype = Text()
    caption = Text()
    fileName = Text()
    width = Whole(low=1, high=100_000)
    height = Whole(low=1, high=100_000)
    seconds = Whole(low=0, high=1_000_000)
    viewOnce = Flag()
    gif = Flag()
    ptt = Flag()
    animated = Flag()
    latitude = Decimal(low=-90, high=90)
    longitude = Decimal(low=-180, high=180)
    name = Text(metadata={"description": "location, contact"})
    address = Text()
    vcard = Text()
    contacts = ListOf(Nested(CardOnPhoneSchema, required=True))
    question = Text()
    options = TextList()
    selectable = Whole(low=0, high=12)
    target = Text(metadata={"description": "reaction, edit, revoke, vote: id da mensagem"})
    emoji = Emoji(metadata={"description": "reaction; vazio remove"})
    choices = TextList(metadata={"description": "vote: textos das opções"})

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Each type needs its own fields."""
        for name in NEEDS[data["type"]]:
            if data.get(name) is None or (data[name] == "" and name != "emoji"):
                raise ValidationError(f"{REQUIRED} para type {data['type']}", name)
        if data["type"] in FILES and "data" not in data and "size" not in data:
            raise ValidationError(f"{REQUIRED} para type {data['type']}, ou size", "data")

    @post_load
    def tidy(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What wasn't given is not passed on."""
        return {name: value for name, value in data.items() if value is not None}


class PhoneCallSchema(InputSchema):
    """A call a phone makes."""

    to = Recipient(required=True, metadata={"example": "5511900000002"})
    video = Flag(load_default=False)


class PhoneHangupSchema(InputSchema):
    """A call a phone ends."""

    call_id = Text(data_key="callId", required=True)


class OldMessageSchema(InputSchema):
    """A message of before."""

    text = Text(required=True)
    fromMe = Flag(load_default=False)
    timestamp = Whole(low=0, high=2**33, required=True, metadata={"description": "Segundos"})


class OldChatSchema(InputSchema):
    """A chat of before."""

    with_whom = Recipient(data_key="with", required=True, metadata={"example": "5511900000002"})
    name = Text()
    messages = ListOf(Nested(OldMessageSchema, required=True), load_default=list)

    @post_load
    def rename(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """`with` is a keyword in Python, so the field is named otherwise only there."""
        return {"with": data.pop("with_whom"), **{name: value for name, value in data.items() if value is not None}}


class PhoneHistorySchema(InputSchema):
    """What the phone tells its linked devices of before they were linked."""

    chats = ListOf(Nested(OldChatSchema, required=True), required=True)


class PhonePictureSchema(InputSchema):
    """A profile picture."""

    data = Text(load_default=None, metadata={"description": "JPEG em base64; null remove"})


class PhoneStatusSchema(InputSchema):
    """The "about" text."""

    text = Text(required=True)


class PhoneBlockSchema(InputSchema):
    """Somebody the phone's owner blocks."""

    jid = Recipient(required=True, metadata={"example": NUMBER})
    blocked = Flag(load_default=True)


class CallMadeSchema(Schema):
    """A call that rings."""

    callId = fields.String()


class HistoryToldSchema(Schema):
    """What was told."""

    messages = fields.Integer()


class PictureSchema(Schema):
    """A file the network holds; nulls for none."""

    id = fields.String(allow_none=True)
    size = fields.Integer(allow_none=True)
    sha256 = fields.String(allow_none=True)


class PhoneInfoSchema(Schema):
    """What the network holds of a phone; what a session changes shows here."""

    numero = fields.String(metadata={"example": NUMBER})
    jid = fields.String()
    lid = fields.String()
    nome = fields.String(allow_none=True)
    status = fields.String(allow_none=True)
    picture = fields.Nested(PictureSchema, allow_none=True)
    blocklist = fields.List(fields.String())
    privacy = fields.Dict(keys=fields.String(), values=fields.String())


PhoneSentAnswer = envelope(
    "SandboxContentSent",
    Schema.from_dict(
        {
            "id": fields.String(),
            "timestamp": fields.Integer(),
            "size": fields.Integer(allow_none=True),
            "sha256": fields.String(allow_none=True),
        },
        name="SandboxContent",
    ),
)
CallMadeAnswer = envelope("SandboxCall", CallMadeSchema)
HistoryToldAnswer = envelope("SandboxHistory", HistoryToldSchema)
PictureAnswer = envelope("SandboxPicture", PictureSchema)
PhoneInfoAnswer = envelope("SandboxPhoneInfo", PhoneInfoSchema)
