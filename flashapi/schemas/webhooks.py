"""What goes into and comes out of the webhook routes."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from flashapi.events import EventType
from flashapi.models.events import DeliveryState, EndpointKind, Origin, PauseReason
from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import REQUIRED, Flag, Identifier, Text, TextList, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.moments import Moment
from flashapi.webhooks.calls import is_reserved

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,1000}")
HEADERS_AT_MOST = 20
URL = "https://exemplo.com/webhook"
MOMENT = "2026-11-25T00:52:56.000Z"
EVENT_ID = "evt_0f4c1f0e6f4e4d0c9a532f7c8c9b6a10"


def _known_events(names: list[str]) -> None:
    unknown = sorted(set(names) - {each.value for each in EventType})
    if unknown:
        raise ValidationError(f"não conhece {', '.join(unknown)}; há {', '.join(each.value for each in EventType)}")


class Headers(fields.Dict):
    """Custom headers: names and values that can be sent, and none of those we send ourselves."""

    default_error_messages = {"invalid": "deve ser um objeto de textos"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        given = dict(value)
        if len(given) > HEADERS_AT_MOST:
            raise ValidationError(f"deve ter no máximo {HEADERS_AT_MOST} itens")
        for name, text in given.items():
            if not HEADER_NAME.fullmatch(str(name)) or not isinstance(text, str) or not HEADER_VALUE.fullmatch(text):
                raise ValidationError(f"não aceita {name!r}: nome ou valor inválido")
            if is_reserved(name):
                raise ValidationError(f"não aceita {name!r}: este header é nosso")
        return given


class EndpointFields(InputSchema):
    """What an endpoint can be told; null takes a filter, the headers or the description away."""

    url = Text(metadata={"description": "Para onde enviar os eventos", "example": URL})
    events = TextList(
        allow_none=True,
        validate=_known_events,
        metadata={"description": "Eventos desejados; null ou ausente: todos", "example": ["message_received"]},
    )
    headers = Headers(
        allow_none=True, metadata={"description": "Enviados em cada entrega", "example": {"X-Minha-Chave": "valor"}}
    )
    description = Text(allow_none=True, validate=validate.Length(max=255, error="deve ter no máximo 255 caracteres"))
    enabled = Flag(metadata={"description": "Desligado, os eventos não são guardados para ele"})


class NewEndpointSchema(EndpointFields):
    """A new endpoint."""

    url = Text(
        required=True,
        error_messages={"required": REQUIRED},
        metadata={"description": "Para onde enviar os eventos", "example": URL},
    )


class EndpointSchema(Schema):
    """An endpoint."""

    id = fields.String(metadata={"example": "7"})
    kind = fields.String(
        metadata={
            "enum": [each.value for each in EndpointKind],
            "description": "contract: o webhook da sessão; env: GLOBAL_WEBHOOK_URL; own: criado aqui",
        }
    )
    url = fields.String(metadata={"example": URL})
    events = fields.List(fields.String(), allow_none=True)
    headers = fields.Dict(allow_none=True)
    description = fields.String(allow_none=True)
    enabled = fields.Boolean()
    paused = fields.Boolean()
    pauseReason = fields.String(allow_none=True, metadata={"enum": [each.value for each in PauseReason]})
    pausedAt = fields.String(allow_none=True)
    failingSince = fields.String(allow_none=True, metadata={"description": "Desde quando só falha"})
    lastSuccessAt = fields.String(allow_none=True)
    signed = fields.Boolean(metadata={"description": "Se as entregas são assinadas; rotate-secret gera um segredo"})
    createdAt = fields.String(metadata={"example": MOMENT})
    updatedAt = fields.String(metadata={"example": MOMENT})


class DetailedEndpointSchema(EndpointSchema):
    """An endpoint and what is not delivered."""

    deliveries = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"example": {"waiting": 0, "slow": 0, "dead": 0}},
    )


class SecretEndpointSchema(EndpointSchema):
    """An endpoint with its secret, which is shown only here."""

    secret = fields.String(metadata={"description": "Não será mostrado de novo", "example": "whsec_C2FVsBQIhrscChlQIM"})


class EndpointsSchema(Schema):
    """All endpoints."""

    webhooks = fields.List(fields.Nested(EndpointSchema))
    total = fields.Integer()


class AttemptSchema(Schema):
    """One try."""

    at = fields.String(metadata={"example": MOMENT})
    durationMs = fields.Integer()
    statusCode = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    response = fields.String(allow_none=True, metadata={"description": "O começo da resposta"})


class TestedSchema(AttemptSchema):
    """A test delivery."""

    delivered = fields.Boolean()


class DeliverySchema(Schema):
    """A delivery."""

    id = fields.String(metadata={"example": "42"})
    eventId = fields.String(allow_none=True, metadata={"example": EVENT_ID})
    event = fields.String(metadata={"example": "message_received"})
    sessionId = fields.String(allow_none=True, metadata={"example": "minha-sessao"})
    state = fields.String(metadata={"enum": [each.value for each in DeliveryState]})
    origin = fields.String(metadata={"enum": [each.value for each in Origin]})
    moved = fields.Boolean(metadata={"description": "Saiu da fila: chega, ou chegou, fora de ordem"})
    attempts = fields.Integer()
    statusCode = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    nextAt = fields.String(allow_none=True)
    createdAt = fields.String(metadata={"example": MOMENT})
    finishedAt = fields.String(allow_none=True)


class DetailedDeliverySchema(DeliverySchema):
    """A delivery with each try, the newest last."""

    log = fields.List(fields.Nested(AttemptSchema))


class DeliveriesPageSchema(Schema):
    """A page of deliveries, the newest first."""

    deliveries = fields.List(fields.Nested(DeliverySchema))
    nextBefore = fields.String(
        allow_none=True,
        metadata={
            "description": "`before` da página seguinte, mais antiga; null: não há mais. Com filtros, uma página pode "
            "ter menos entregas do que `limit`, ou nenhuma, e não ser a última"
        },
    )


class DeliveriesQuerySchema(InputSchema):
    """Which deliveries to show."""

    state = Identifier(
        load_default=None,
        validate=validate.OneOf([each.value for each in DeliveryState], error="deve ser {choices}"),
        metadata={"enum": [each.value for each in DeliveryState]},
    )
    event = Identifier(load_default=None)
    session = Identifier(load_default=None, metadata={"description": "Id ou nome da sessão"})
    since = Moment(data_key="from", load_default=None, metadata={"example": MOMENT})
    until = Moment(data_key="to", load_default=None, metadata={"example": MOMENT})
    before = Whole(low=1, high=2**53, load_default=None)
    limit = Whole(low=1, high=500, load_default=50)


class ReplaySchema(InputSchema):
    """What to deliver again; the filters given all hold."""

    delivery = Whole(low=1, high=2**53, load_default=None, metadata={"description": "Só esta entrega"})
    dead = Flag(load_default=False, metadata={"description": "Só o que não foi entregue (state: dead)"})
    session = Text(load_default=None, metadata={"description": "Id ou nome da sessão"})
    names = TextList(
        data_key="events",
        load_default=None,
        validate=_known_events,
        metadata={"description": "Ausente: os eventos do webhook", "example": ["message_received"]},
    )
    since = Moment(data_key="from", load_default=None, metadata={"description": "Desde quando", "example": MOMENT})
    until = Moment(data_key="to", load_default=None, metadata={"description": "Até quando", "example": MOMENT})


class ReplayedSchema(Schema):
    """How much was put into the line."""

    replayed = fields.Integer()


EndpointsAnswer = envelope("Webhooks", EndpointsSchema)
EndpointAnswer = envelope("Webhook", EndpointSchema)
DetailedEndpointAnswer = envelope("DetailedWebhook", DetailedEndpointSchema)
SecretEndpointAnswer = envelope("WebhookWithSecret", SecretEndpointSchema)
TestedAnswer = envelope("WebhookTested", TestedSchema)
DeliveriesAnswer = envelope("Deliveries", DeliveriesPageSchema)
DeliveryAnswer = envelope("Delivery", DetailedDeliverySchema)
ReplayedAnswer = envelope("Replayed", ReplayedSchema)
