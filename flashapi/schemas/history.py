"""What the session has stored, as the routes show it."""

from marshmallow import Schema, ValidationError, fields

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Identifier, Recipient, Sentence, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.sends import EXAMPLE_MESSAGE_ID

PAGE_LARGEST = 500
CHAT = "5599999999999@s.whatsapp.net"


def _row_or_message(before: str) -> None:
    if before.isdigit() and not before.isascii():  # "²" counts as a digit and is no number
        raise ValidationError("deve ser o número de uma linha ou o id de uma mensagem")


class PageSchema(InputSchema):
    """Which messages to show."""

    jid = Recipient(load_default=None, metadata={"description": "Só deste chat: número ou JID", "example": CHAT})
    limit = Whole(low=1, high=PAGE_LARGEST, load_default=50)
    offset = Whole(low=0, high=10_000_000, load_default=0, metadata={"description": "Prefira `before`"})
    before = Identifier(
        load_default=None,
        validate=_row_or_message,
        metadata={"description": "Só as anteriores a esta: o `nextBefore` da página, o `id` da linha ou `mensagem_id`"},
    )


class OneChatSchema(InputSchema):
    """A chat."""

    jid = Recipient(
        required=True,
        error_messages={"required": Sentence("jid é obrigatório")},
        metadata={"description": "O chat: número ou JID", "example": CHAT},
    )


class StoredMessageSchema(Schema):
    """A stored message."""

    id = fields.Integer(metadata={"description": "Número da linha, para `before`"})
    sessao_id = fields.String()
    mensagem_id = fields.String(metadata={"example": EXAMPLE_MESSAGE_ID})
    remoteJid = fields.String(metadata={"example": CHAT})
    fromMe = fields.Boolean()
    isgrupo = fields.Boolean()
    participant = fields.String(allow_none=True)
    tipo_mensagem = fields.String(metadata={"example": "conversation"})
    conteudo_mensagem = fields.Dict(metadata={"description": "A mensagem no formato do Baileys"})
    timestamp = fields.Integer(metadata={"description": "Segundos", "example": 1_760_000_000})
    status = fields.String(metadata={"enum": ["received", "sent", "delivered", "read", "played"]})
    created_at = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    editedAt = fields.String(allow_none=True)
    revokedAt = fields.String(allow_none=True, metadata={"description": "Quando foi apagada para todos"})


class MessagesPageSchema(Schema):
    """A page of messages, oldest first by WhatsApp's time."""

    messages = fields.List(fields.Nested(StoredMessageSchema))
    total = fields.Integer(allow_none=True, metadata={"description": "Só sem `before`"})
    limit = fields.Integer()
    offset = fields.Integer()
    nextBefore = fields.String(allow_none=True, metadata={"description": "`before` da página seguinte, mais antiga"})


class MessageStatusSchema(StoredMessageSchema):
    """A message and how far it has come."""

    messageId = fields.String(metadata={"example": EXAMPLE_MESSAGE_ID})


class ChatSchema(Schema):
    """A chat."""

    id = fields.Integer()
    sessao_id = fields.String()
    jid = fields.String(metadata={"example": CHAT})
    nome = fields.String(allow_none=True)
    eh_grupo = fields.Boolean()
    mensagens_nao_lidas = fields.Integer()
    ultima_mensagem = fields.Integer(allow_none=True, metadata={"description": "Segundos"})
    arquivado = fields.Boolean()
    fixado = fields.Boolean()
    silenciado_ate = fields.Integer(allow_none=True, metadata={"description": "Segundos"})
    created_at = fields.String()
    updated_at = fields.String()


class ChatsSchema(Schema):
    """All chats."""

    chats = fields.List(fields.Nested(ChatSchema))
    total = fields.Integer()


class PollOptionSchema(Schema):
    """One option and who chose it."""

    name = fields.String(metadata={"example": "Sexta"})
    votes = fields.Integer()
    voters = fields.List(fields.String())


class PollTotalsSchema(Schema):
    """The votes of a poll."""

    messageId = fields.String(metadata={"example": EXAMPLE_MESSAGE_ID})
    jid = fields.String()
    name = fields.String()
    selectableCount = fields.Integer()
    options = fields.List(fields.Nested(PollOptionSchema))
    total = fields.Integer(metadata={"description": "Quantas pessoas votaram"})


class RemovedSchema(Schema):
    """What was forgotten."""

    jid = fields.String()
    removed = fields.Integer(metadata={"description": "Mensagens removidas do banco de dados"})


MessagesAnswer = envelope("Messages", MessagesPageSchema)
MessageStatusAnswer = envelope("MessageStatus", MessageStatusSchema)
ChatsAnswer = envelope("Chats", ChatsSchema)
PollAnswer = envelope("PollTotals", PollTotalsSchema)
RemovedAnswer = envelope("MessagesRemoved", RemovedSchema)
