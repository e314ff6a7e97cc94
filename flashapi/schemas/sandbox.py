"""What goes into and comes out of the sandbox routes."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import REQUIRED, Flag, Identifier, Recipient, Text, TextList, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.recipients import PUNCTUATION

NUMBER = "5511900000001"
KINDS = ("drop", "down", "blackhole", "slow", "nack", "lost_ack", "replaced", "outdated", "media",
         "media_silent", "garble")  # fmt: skip
ONLY_WITH = {
    "seconds": ("down", "blackhole", "media_silent"),
    "ms": ("slow",),
    "code": ("nack", "media"),
    "count": ("nack", "lost_ack", "media", "garble"),
}
WHOLE_NETWORK = "*"


class NumberField(Text):
    """The number of a virtual phone."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        digits = PUNCTUATION.sub("", super()._deserialize(value, attr, data, **kwargs))
        if not (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
            raise ValidationError("deve ser um número de telefone com DDI")
        return digits


class NewPhoneSchema(InputSchema):
    """A virtual phone to make, or to find again."""

    numero = NumberField(required=True, metadata={"example": NUMBER})
    nome = Text(load_default=None, validate=validate.Length(max=100, error="deve ter no máximo 100 caracteres"))


class ScanSchema(InputSchema):
    """The QR code to scan."""

    qrcode = Text(
        required=True,
        metadata={"description": "A imagem (data URL) como a API a devolveu, ou o texto do QR Code"},
    )


class CodeSchema(InputSchema):
    """The pairing code to enter."""

    code = Text(required=True, metadata={"example": "ABCD1234"})


class SinceSchema(InputSchema):
    """From where on to show the inbox."""

    since = Identifier(load_default=None, metadata={"description": "Id da última mensagem já vista"})


class PhoneReadSchema(InputSchema):
    """What the phone marks as read."""

    chat = Recipient(required=True, metadata={"example": "5511900000002"})
    ids = TextList(load_default=None, metadata={"description": "Todas as não lidas se ausente"})


class PhoneTypingSchema(InputSchema):
    """Typing begins or ends."""

    to = Recipient(required=True, metadata={"example": "5511900000002"})
    typing = Flag(required=True)


class PhonePresenceSchema(InputSchema):
    """The phone comes or goes."""

    available = Flag(required=True)


class FaultSchema(InputSchema):
    """Something that goes wrong for an account, or with `*` for the whole network."""

    numero = Text(load_default=WHOLE_NETWORK, metadata={"description": "`*` para a rede inteira", "example": NUMBER})
    kind = Text(
        required=True,
        validate=validate.OneOf(KINDS, error=f"deve ser um de: {', '.join(KINDS)}"),
        metadata={"enum": list(KINDS)},
    )
    seconds = Whole(low=1, high=3_600, metadata={"description": "Com down, blackhole e media_silent"})
    ms = Whole(low=0, high=60_000, metadata={"description": "Com slow"})
    code = Whole(low=400, high=599, metadata={"description": "Com nack e media"})
    count = Whole(low=1, high=10_000, metadata={"description": "Com nack, lost_ack, media e garble"})

    @validates_schema(skip_on_field_errors=True)
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Each kind needs its own parameters."""
        for name, kinds in ONLY_WITH.items():
            if data["kind"] in kinds and name not in data and name in ("seconds", "ms"):
                raise ValidationError(f"{REQUIRED} para kind {data['kind']}", name)

    @post_load
    def tidy(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Leave the punctuation out of the number, and out of the request what its kind doesn't take."""
        kept = {name: value for name, value in data.items() if data["kind"] in ONLY_WITH.get(name, KINDS)}
        return {**kept, "numero": PUNCTUATION.sub("", data["numero"]) or WHOLE_NETWORK}


class PhoneSchema(Schema):
    """A virtual phone."""

    numero = fields.String(metadata={"example": NUMBER})
    jid = fields.String(metadata={"example": f"{NUMBER}@s.whatsapp.net"})
    lid = fields.String(metadata={"example": "100000000000001@lid"})
    nome = fields.String(allow_none=True)


class ListedPhoneSchema(PhoneSchema):
    """A virtual phone and what is linked to it."""

    devices = fields.Integer(metadata={"description": "Aparelhos vinculados"})
    logins = fields.Integer(metadata={"description": "Quantas vezes os aparelhos vinculados entraram"})


class PhonesSchema(Schema):
    """All virtual phones."""

    phones = fields.List(fields.Nested(ListedPhoneSchema))


class LinkedSchema(Schema):
    """The account a session was linked to, and what its phone shows of the device."""

    jid = fields.String()
    name = fields.String(metadata={"description": "Nome do aparelho vinculado", "example": "Flash_api"})
    browser = fields.String(metadata={"description": "Ícone do aparelho vinculado", "example": "CHROME"})


InboxEntrySchema = Schema.from_dict(
    {
        "id": fields.String(),
        "chat": fields.String(),
        "from": fields.String(allow_none=True),
        "fromLid": fields.String(allow_none=True),
        "timestamp": fields.Integer(),
        "type": fields.String(),
        "text": fields.String(allow_none=True),
        "caption": fields.String(allow_none=True),
        "fileName": fields.String(allow_none=True),
        "mimetype": fields.String(allow_none=True),
        "size": fields.Integer(allow_none=True),
        "sha256": fields.String(allow_none=True),
        "quoted": fields.String(allow_none=True),
        "mentions": fields.List(fields.String()),
        "target": fields.String(allow_none=True),
        "shownAt": fields.Integer(metadata={"description": "Quando apareceu no telefone, em milissegundos"}),
        "details": fields.Dict(metadata={"description": "O que é próprio do tipo"}),
    },
    name="InboxEntry",
)
"""A message as the phone shows it, really decrypted. `from` is a keyword, so this can't be a class body."""


class InboxSchema(Schema):
    """What the phone has received."""

    messages = fields.List(fields.Nested(InboxEntrySchema))


class ReadIdsSchema(Schema):
    """What was marked as read."""

    ids = fields.List(fields.String())


PhoneAnswer = envelope("SandboxPhone", PhoneSchema)
PhonesAnswer = envelope("SandboxPhones", PhonesSchema)
LinkedAnswer = envelope("SandboxLinked", LinkedSchema)
InboxAnswer = envelope("SandboxInbox", InboxSchema)
ReadAnswer = envelope("SandboxRead", ReadIdsSchema)
