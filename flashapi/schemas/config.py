"""What goes into and comes out of the configuration routes."""

from marshmallow import Schema, fields

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Text, TextList
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.links import browser_field, device_field, proxy_field
from flashapi.schemas.sessions import EXAMPLE_ID
from flashapi.schemas.texts import at_most

TEXT_LONGEST = 4_096
OTHER = "O que não for enviado fica como está; vazio volta ao padrão"


class OptionsSchema(InputSchema):
    """What the session does by itself. The first four are overwritten as a whole, as the original does."""

    ignore_groups = Flag(data_key="ignoreGroups", load_default=False)
    auto_read = Flag(data_key="autoRead", load_default=False)
    reject_calls = Flag(data_key="rejectCalls", load_default=False)
    reject_calls_text = Text(
        data_key="msg_rejectCalls",
        load_default=None,
        validate=at_most(TEXT_LONGEST),
        metadata={"description": "Texto enviado a quem ligou", "example": "Não atendemos ligações."},
    )
    auto_reply = Flag(
        data_key="autoReply",
        load_default=None,
        metadata={"description": "Responder sozinho às conversas, no máximo uma vez por hora em cada"},
    )
    auto_reply_text = Text(
        data_key="autoReplyText",
        load_default=None,
        validate=at_most(TEXT_LONGEST),
        metadata={"description": OTHER, "example": "Já vamos responder!"},
    )
    media_base64 = Flag(
        data_key="mediaBase64",
        load_default=None,
        metadata={"description": "Arquivos recebidos, até 16 MB, também em base64 dentro de message_received"},
    )
    proxy = proxy_field()
    device_name = device_field()
    browser = browser_field()


class WebhookSchema(InputSchema):
    """Where the session's events go."""

    url = Text(
        data_key="webhookUrl",
        load_default=None,
        metadata={"description": "null ou vazio remove o webhook", "example": "https://exemplo.com/webhook"},
    )
    enabled = Flag(data_key="status_webhook", load_default=False)
    events = TextList(
        load_default=None,
        metadata={"description": "Eventos desejados; todos se ausente", "example": ["message_received"]},
    )


class ConfigSchema(Schema):
    """A session's options."""

    webhook_url = fields.String(allow_none=True)
    webhook_status = fields.Boolean()
    events = fields.List(fields.String(), allow_none=True, metadata={"description": "null: todos"})
    ignorar_grupos = fields.Boolean()
    leitura_automatica = fields.Boolean()
    rejeitar_ligacoes = fields.Boolean()
    msg_rejectCalls = fields.String()
    resposta_automatica = fields.Boolean()
    mensagem_automatica = fields.String()
    mediaBase64 = fields.Boolean()
    proxy = fields.String(allow_none=True, metadata={"description": "Sem a senha"})
    deviceName = fields.String()
    browser = fields.String()


class WebhookConfigSchema(ConfigSchema):
    """The same after a change of the webhook: its status is a number there."""

    webhook_status = fields.Integer(metadata={"enum": [0, 1]})  # type: ignore[assignment]


class ShownConfigSchema(Schema):
    """A session and its options."""

    sessionId = fields.String(metadata={"example": EXAMPLE_ID})
    config = fields.Nested(ConfigSchema)


class ChangedConfigSchema(Schema):
    """A session and its options after a change."""

    sessionId = fields.String(metadata={"example": EXAMPLE_ID})
    currentConfig = fields.Nested(ConfigSchema)


class ChangedWebhookSchema(Schema):
    """A session and its options after a change of the webhook."""

    sessionId = fields.String(metadata={"example": EXAMPLE_ID})
    currentConfig = fields.Nested(WebhookConfigSchema)


class MessageFiguresSchema(Schema):
    """Messages, counted."""

    total_mensagens = fields.Integer()
    mensagens_enviadas = fields.Integer()
    mensagens_recebidas = fields.Integer()


class ContactFiguresSchema(Schema):
    """Contacts, counted."""

    total_contatos = fields.Integer()


class ChatFiguresSchema(Schema):
    """Chats, counted."""

    total_chats = fields.Integer()
    chats_grupo = fields.Integer()
    chats_privados = fields.Integer()


class GroupFiguresSchema(Schema):
    """Groups, counted."""

    total_grupos = fields.Integer()


class FiguresSchema(Schema):
    """All of them."""

    mensagens = fields.Nested(MessageFiguresSchema)
    contatos = fields.Nested(ContactFiguresSchema)
    chats = fields.Nested(ChatFiguresSchema)
    grupos = fields.Nested(GroupFiguresSchema)


class SessionInfoSchema(Schema):
    """The session itself."""

    status = fields.String()
    phoneNumber = fields.String(allow_none=True)
    createdAt = fields.String()
    updatedAt = fields.String()


class StatsSchema(Schema):
    """What the session holds."""

    sessionId = fields.String(metadata={"example": EXAMPLE_ID})
    stats = fields.Nested(FiguresSchema)
    sessionInfo = fields.Nested(SessionInfoSchema)


ConfigAnswer = envelope("Config", ShownConfigSchema)
ChangedConfigAnswer = envelope("ConfigChanged", ChangedConfigSchema)
ChangedWebhookAnswer = envelope("WebhookChanged", ChangedWebhookSchema)
StatsAnswer = envelope("Stats", StatsSchema)
