"""What goes into and comes out of the chat routes."""

from marshmallow import Schema, fields, validate

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Sentence, Text
from flashapi.schemas.sends import SendSchema, to_field

TEXT_LONGEST = 65_536
MISSING = Sentence("to e text são obrigatórios")


class TextMessageSchema(SendSchema):
    """A text to send."""

    to = to_field(MISSING)
    text = Text(
        required=True,
        error_messages={"required": MISSING},
        validate=validate.Length(max=TEXT_LONGEST, error=f"deve ter no máximo {TEXT_LONGEST} caracteres"),
        metadata={"description": f"Até {TEXT_LONGEST} caracteres", "example": "Olá! 😄 Tudo bem? 🚀"},
    )
    link_preview = Flag(
        data_key="linkPreview", load_default=True, metadata={"description": "Mostrar uma prévia do primeiro link"}
    )


class KeySchema(Schema):
    """WhatsApp's name for a message."""

    remoteJid = fields.String(metadata={"example": "5599999999999@s.whatsapp.net"})
    fromMe = fields.Boolean(metadata={"example": True})
    id = fields.String(metadata={"example": "3EB0C431C26A1D1F4E2B"})
    participant = fields.String(metadata={"description": "Quem enviou, em grupos"})


class SentSchema(Schema):
    """A message that was sent; or, with `useQueue`, one that was accepted: `queued` and the fields after it."""

    success = fields.Boolean()
    id = fields.String(metadata={"description": "Id da mensagem; na fila, o número da linha"})
    key = fields.Nested(KeySchema)
    messageTimestamp = fields.Integer(metadata={"description": "Segundos", "example": 1_760_000_000})
    timestamp = fields.Integer(metadata={"description": "Segundos", "example": 1_760_000_000})
    status = fields.String(metadata={"example": "sent"})
    queued = fields.Boolean()
    queuePosition = fields.Integer(metadata={"description": "Mensagens à frente na fila"})
    estimatedDelay = fields.Integer(metadata={"description": "Milissegundos até chegar a vez"})


SentAnswer = envelope("MessageSent", SentSchema)
RevokedAnswer = Schema.from_dict(
    {
        "success": fields.Boolean(metadata={"description": "false se a mensagem não existe ou não pode ser apagada"}),
        "message": fields.String(metadata={"example": "Mensagem deletada"}),
        "reason": fields.String(metadata={"description": "Por que não pode ser apagada"}),
        "data": fields.Raw(metadata={"description": "Como nos envios; lista vazia se nada foi apagado"}),
    },
    name="MessageRevokedAnswer",
)
"""The contract answers 200 also for a message it doesn't know or can't delete."""


class SucceededSchema(Schema):
    """Nothing but success, once more inside `data` as the contract has it."""

    success = fields.Boolean(metadata={"example": True})


SucceededAnswer = envelope("Succeeded", SucceededSchema)
