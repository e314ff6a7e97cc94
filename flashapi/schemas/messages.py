"""What goes into and comes out of the chat routes."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Recipient, Sentence, Text, TextList, Whole
from flashapi.schemas.recipients import mentioned

DIRECT_DELAY_MS = 60_000
QUEUED_DELAY_MS = 24 * 60 * 60 * 1000
TEXT_LONGEST = 65_536
MISSING = Sentence("to e text são obrigatórios")


class TextMessageSchema(Schema):
    """A text to send."""

    to = Recipient(
        required=True,
        error_messages={"required": MISSING},
        metadata={
            "description": "Número com DDI (pontuação é ignorada) ou JID completo",
            "example": "5599999999999",
        },
    )
    text = Text(
        required=True,
        error_messages={"required": MISSING},
        metadata={"description": f"Até {TEXT_LONGEST} caracteres", "example": "Olá! 😄 Tudo bem? 🚀"},
    )
    link_preview = Flag(
        data_key="linkPreview", load_default=True, metadata={"description": "Mostrar uma prévia do primeiro link"}
    )
    mentions = TextList(
        load_default=list,
        metadata={"description": "Números ou JIDs a mencionar; o que não for ignora-se", "example": ["5599999999999"]},
    )
    delay = Whole(
        low=0,
        high=QUEUED_DELAY_MS,
        load_default=0,
        metadata={
            "description": f"Milissegundos mostrando digitação antes de enviar; até {DIRECT_DELAY_MS} sem fila",
            "example": 1200,
        },
    )
    use_queue = Flag(data_key="useQueue", load_default=False, metadata={"description": "Enviar pela fila da sessão"})

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """A caller can wait a minute for a direct send; nobody waits for a queued one."""
        if data["delay"] > DIRECT_DELAY_MS and not data["use_queue"]:
            raise ValidationError(f"deve estar entre 0 e {DIRECT_DELAY_MS} sem useQueue", "delay")
        if len(data["text"]) > TEXT_LONGEST:
            raise ValidationError(f"deve ter no máximo {TEXT_LONGEST} caracteres", "text")

    @post_load
    def resolve_mentions(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Turn numbers into JIDs and leave out what is neither."""
        return {**data, "mentions": mentioned(data["mentions"])}


class KeySchema(Schema):
    """WhatsApp's name for a message."""

    remoteJid = fields.String(metadata={"example": "5599999999999@s.whatsapp.net"})
    fromMe = fields.Boolean(metadata={"example": True})
    id = fields.String(metadata={"example": "3EB0C431C26A1D1F4E2B"})


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


class QueueSchema(Schema):
    """The session's queue."""

    queueLength = fields.Integer()
    processing = fields.Boolean()
    estimatedDelay = fields.Integer(metadata={"description": "Milissegundos até esvaziar"})
    uncertain = fields.Integer(metadata={"description": "Mensagens cujo envio não pôde ser confirmado"})


class ClearedSchema(Schema):
    """What clearing the queue did."""

    cancelled = fields.Integer()


SentAnswer = envelope("MessageSent", SentSchema)
QueueAnswer = envelope("QueueStatus", QueueSchema)
ClearedAnswer = envelope("QueueCleared", ClearedSchema)
