"""What goes into and comes out of the session routes."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from flashapi.models.sessions import Reason
from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Sentence, Text, TextList
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.links import browser_field, device_field, proxy_field
from flashapi.schemas.texts import refuse_control

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
UUID_FORM = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
NUMBER_PUNCTUATION = re.compile(r"[\s()+./\-]")
NAME_SHORTEST, NAME_LONGEST = 6, 100
PNG = "data:image/png;base64,iVBORw0KGgo..."
EXAMPLE_ID = "0f4c1f0e-6f4e-4d0c-9a53-2f7c8c9b6a10"
EXAMPLE_KEY = "83725a47-fc7a-404a-bbac-206d590bae8f"
STATES = ("disconnected", "connecting", "connected", "qr_ready", "reconnecting")


def _uuid4(value: str) -> None:
    if value and not UUID4.fullmatch(value):
        raise ValidationError(
            Sentence("A apikey fornecida não está no formato UUID v4 válido (ex: 83725a47-fc7a-404a-bbac-206d590bae8f)")
        )


def _name(value: str) -> None:
    if not value:
        return
    if len(value.strip()) < NAME_SHORTEST:
        raise ValidationError(Sentence("Nome da sessão deve ter mais de 5 caracteres"))
    if len(value.strip()) > NAME_LONGEST:
        raise ValidationError(Sentence(f"Nome da sessão (nome_sessao) deve ter no máximo {NAME_LONGEST} caracteres"))
    refuse_control(value)
    if UUID_FORM.fullmatch(value.strip()) or value.strip().startswith("deleted:"):
        raise ValidationError("não pode ter a forma de um identificador (UUID)")


def _number(value: str) -> None:
    digits = NUMBER_PUNCTUATION.sub("", value)
    if digits and not re.fullmatch("[0-9]{7,15}", digits):
        raise ValidationError("deve ser um número de telefone com DDI")


class NewSessionSchema(InputSchema):
    """Everything is optional; fields are checked in this order."""

    key = Text(
        data_key="apikey",
        load_default="",
        validate=_uuid4,
        metadata={"description": "Chave da sessão, UUID v4; gerada se ausente", "example": EXAMPLE_KEY},
    )
    name = Text(
        data_key="nome_sessao",
        load_default="",
        validate=_name,
        metadata={
            "description": "Nome único da sessão, de 6 a 100 caracteres; gerado se ausente",
            "example": "minha-sessao",
        },
    )
    number = Text(
        data_key="numero",
        load_default="",
        validate=_number,
        metadata={"description": "Para parear por código em vez de QR Code", "example": "5521999999999"},
    )
    running = Flag(data_key="criar_sessao", load_default=False, metadata={"description": "Conectar agora"})
    show_qr = Flag(
        data_key="gerar_qrcode",
        load_default=False,
        metadata={"description": "Com criar_sessao: esperar o QR Code por até 15 s"},
    )
    sandbox = Flag(load_default=False, metadata={"description": "Usar a rede simulada em vez do WhatsApp"})
    webhook_url = Text(
        data_key="webhookUrl",
        load_default="",
        metadata={"description": "Para onde enviar os eventos", "example": "https://exemplo.com/webhook"},
    )
    webhook_enabled = Flag(
        data_key="status_webhook", load_default=True, metadata={"description": "Com webhookUrl: se está ligado"}
    )
    webhook_events = TextList(
        data_key="events",
        load_default=None,
        metadata={"description": "Eventos desejados; todos se ausente", "example": ["message_received"]},
    )

    proxy = proxy_field()
    device_name = device_field()
    browser = browser_field()

    @pre_load
    def accept_empty(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """An empty string means that nothing was given."""
        return {name: value for name, value in data.items() if value != ""}

    @post_load
    def tidy(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Take the white space off the name and the punctuation out of the number; nothing given becomes None."""
        number = NUMBER_PUNCTUATION.sub("", data["number"])
        tidied = {**data, "name": data["name"].strip(), "number": number}
        return {name: value if value != "" else None for name, value in tidied.items()}


class CreatedSchema(Schema):
    """A new session; its key is shown only here."""

    id = fields.String(metadata={"example": EXAMPLE_ID})
    apikey = fields.String(
        metadata={"description": "Chave da sessão; não será mostrada de novo", "example": EXAMPLE_KEY}
    )
    name = fields.String(metadata={"example": "minha-sessao"})
    qrcode = fields.String(allow_none=True, metadata={"description": "PNG como data URL", "example": PNG})
    code = fields.String(
        allow_none=True, metadata={"description": "Código de pareamento, se um número foi dado", "example": "ABCD1234"}
    )
    sandbox = fields.Boolean()


class RestrictionSchema(Schema):
    """A restriction that WhatsApp has put on the account."""

    code = fields.String(metadata={"example": "463"})
    until = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})


class StatusSchema(Schema):
    """A session and its state."""

    id = fields.String(metadata={"example": EXAMPLE_ID})
    nome_sessao = fields.String(metadata={"example": "minha-sessao"})
    status = fields.String(metadata={"enum": list(STATES), "example": "connected"})
    phoneNumber = fields.String(allow_none=True, metadata={"example": "5521988887777"})
    lid = fields.String(allow_none=True, metadata={"example": "123456789012345@lid"})
    hasWebhook = fields.Boolean()
    createdAt = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    updatedAt = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    inMemory = fields.Boolean()
    memoryStatus = fields.String(metadata={"enum": ["not_in_memory", "connecting", "connected"]})
    isConnected = fields.Boolean()
    reconnectAttempts = fields.Integer()
    lastConnected = fields.String(allow_none=True, metadata={"example": "2026-11-24 21:52:59"})
    connectionAttempts = fields.Integer()
    lastEventAt = fields.String(allow_none=True, metadata={"example": "2026-11-25T00:53:10.120Z"})
    disconnectReason = fields.String(
        allow_none=True,
        metadata={
            "description": "Motivo da última desconexão",
            "enum": [each.value for each in Reason],
            "example": "connection_lost",
        },
    )
    sandbox = fields.Boolean()
    paired = fields.Boolean(metadata={"description": "Se há um aparelho vinculado"})
    restriction = fields.Nested(RestrictionSchema, allow_none=True)


class CountsSchema(Schema):
    """Sessions by state."""

    total = fields.Integer()
    connected = fields.Integer()
    connecting = fields.Integer()
    disconnected = fields.Integer()


class ListSchema(Schema):
    """All sessions."""

    sessions = fields.List(fields.Nested(StatusSchema))
    total = fields.Integer()
    stats = fields.Nested(CountsSchema)
    activeSessions = fields.List(fields.String(), metadata={"description": "Ids das sessões em execução"})


class TransitionSchema(Schema):
    """A session on its way to another state."""

    sessionId = fields.String(metadata={"example": EXAMPLE_ID})
    status = fields.String(metadata={"enum": list(STATES), "example": "connecting"})


class MemorySchema(Schema):
    """What the web process uses, in bytes."""

    rss = fields.Integer()


class HealthSchema(Schema):
    """The web process and the sessions."""

    status = fields.String(metadata={"example": "healthy"})
    timestamp = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    sessions = fields.Nested(CountsSchema)
    activeSessions = fields.List(fields.String())
    memory = fields.Nested(MemorySchema)
    uptime = fields.Float(metadata={"description": "Segundos"})


class IssuedKeySchema(Schema):
    """A new key for a session; shown only here."""

    id = fields.String(metadata={"example": EXAMPLE_ID})
    name = fields.String(metadata={"example": "minha-sessao"})
    apikey = fields.String(metadata={"example": EXAMPLE_KEY})


CreatedAnswer = envelope("SessionCreated", dados=fields.Nested(CreatedSchema))
ConnectAnswer = envelope(
    "SessionConnect",
    qrcode=fields.String(allow_none=True, metadata={"description": "PNG como data URL", "example": PNG}),
    code=fields.String(allow_none=True, metadata={"example": "ABCD1234"}),
)
StatusAnswer = envelope("SessionStatus", StatusSchema)
ListAnswer = envelope("SessionList", ListSchema)
TransitionAnswer = envelope("SessionTransition", TransitionSchema)
HealthAnswer = envelope("SessionHealth", HealthSchema)
IssuedKeyAnswer = envelope("SessionKey", IssuedKeySchema)
