"""What goes into and comes out of the queue's routes, its settings and sends in bulk."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from flashapi.models.outbox import SendState
from flashapi.queue_settings import LONGEST_GAP_MS, Policy
from flashapi.schemas.envelope import ErrorSchema, envelope
from flashapi.schemas.fields import Identifier, Lenient, ListOf, Nested, Object, Text, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.sessions import RestrictionSchema
from flashapi.schemas.texts import Form

BULK_MOST = 1_000
STATES = (
    "scheduled, queued e sending: ainda por enviar; sent: enviado; failed e cancelled: não saiu; "
    "uncertain: não se sabe se saiu; dismissed: era uncertain e foi dispensado"
)
CLOCK = Form("^([01][0-9]|2[0-3]):[0-5][0-9]$", error="deve ser uma hora como 22:00")


class Gap(Lenient):
    """Milliseconds, or the two ends of a range to draw them from."""

    default_error_messages = {
        "invalid": f"deve ser um número de milissegundos até {LONGEST_GAP_MS}, ou [mínimo, máximo]"
    }
    empty_is_absent = True
    _end = Whole(low=0, high=LONGEST_GAP_MS, required=True)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int | list[int]:
        try:
            ends = [self._end.deserialize(end) for end in (value if isinstance(value, list) else [value])]
        except ValidationError:
            raise self.make_error("invalid") from None
        if len(ends) not in (1, 2) or ends != sorted(ends):
            raise self.make_error("invalid")
        return ends[0] if len(ends) == 1 else ends


class QuietSchema(InputSchema):
    """Hours in which nothing is sent, in the installation's zone; they may span midnight."""

    from_ = Text(data_key="from", attribute="from", required=True, validate=CLOCK, metadata={"example": "22:00"})
    to = Text(required=True, validate=CLOCK, metadata={"example": "08:00"})


def _cap(what: str) -> Whole:
    description = f"Envios por {what}; null: sem limite"
    return Whole(low=1, high=1_000_000, load_default=None, allow_none=True, metadata={"description": description})


class PacingSchema(InputSchema):
    """The guard. Queued sends wait for it, direct ones are refused with 429."""

    perMinute = _cap("minuto")
    perHour = _cap("hora")
    perDay = _cap("dia")
    quietHours = Nested(QuietSchema, load_default=None, allow_none=True)
    newContactGap = Whole(
        low=0,
        high=86_400_000,
        load_default=0,
        metadata={
            "description": "Milissegundos entre o primeiro envio a um número novo e o primeiro ao próximo número novo;"
            " os demais envios não esperam"
        },
    )


class QueueSettingsSchema(InputSchema):
    """How the session's queue behaves; what is left out stays."""

    gap = Gap(
        metadata={
            "description": "Milissegundos entre o início de um envio e o do próximo; ou [mínimo, máximo], sorteado",
            "example": [1000, 3000],
            "oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}],
        }
    )
    policy = Identifier(
        validate=validate.OneOf([policy.value for policy in Policy], error="deve ser hold ou resend"),
        metadata={"description": "Envio incerto: hold retira da fila, resend envia de novo (pode duplicar)"},
    )
    pacing = Nested(PacingSchema, allow_none=True, metadata={"description": "Limites de envio; null: nenhum"})


class QueueSchema(Schema):
    """The session's queue."""

    queueLength = fields.Integer(metadata={"description": "Mensagens ainda por enviar, as agendadas incluídas"})
    processing = fields.Boolean()
    estimatedDelay = fields.Integer(metadata={"description": "Milissegundos até esvaziar, sem contar as agendadas"})
    uncertain = fields.Integer(metadata={"description": "Mensagens cujo envio não pôde ser confirmado"})
    scheduled = fields.Integer(metadata={"description": "Mensagens com sendAt no futuro"})
    paused = fields.Boolean()
    restriction = fields.Nested(RestrictionSchema, allow_none=True)


class ClearedSchema(Schema):
    """What clearing the queue did."""

    cancelled = fields.Integer()
    uncertain = fields.Integer(
        metadata={"description": "Esperavam para ser enviadas de novo; uma tentativa anterior pode ter chegado"}
    )


class SendErrorSchema(Schema):
    """Why a send failed."""

    code = fields.String()
    message = fields.String()


class SendConflictSchema(ErrorSchema):
    """The send is in a state that forbids this."""

    state = fields.String(validate=validate.OneOf([state.value for state in SendState]))


class OutboxSendSchema(Schema):
    """A send, whatever became of it."""

    id = fields.String(metadata={"description": "A referência do envio", "example": "42"})
    state = fields.String(
        validate=validate.OneOf([state.value for state in SendState]), metadata={"description": STATES}
    )
    queued = fields.Boolean(metadata={"description": "false: envio direto"})
    type = fields.String(metadata={"example": "text"})
    to = fields.String()
    chat = fields.String(allow_none=True)
    messageId = fields.String(allow_none=True)
    error = fields.Nested(SendErrorSchema, allow_none=True)
    priority = fields.Integer(allow_none=True)
    delay = fields.Integer()
    attempts = fields.Integer()
    sendAt = fields.String(allow_none=True)
    createdAt = fields.String()
    sendingAt = fields.String(allow_none=True)
    finishedAt = fields.String(allow_none=True)


class SendsSchema(Schema):
    """A page of sends."""

    sends = fields.List(fields.Nested(OutboxSendSchema))
    next = fields.String(allow_none=True, metadata={"description": "`before` da próxima página"})


class SendsQuerySchema(InputSchema):
    """Which page of the sends."""

    limit = Whole(low=1, high=500, load_default=50)
    before = Whole(low=1, high=2**62, load_default=None, metadata={"description": "Só envios anteriores a este id"})
    state = Identifier(
        load_default=None,
        validate=validate.OneOf([state.value for state in SendState], error="deve ser um estado de envio"),
    )


class BulkSchema(InputSchema):
    """Many messages at once: all are accepted into the queue, or none."""

    messages = ListOf(
        Object(required=True),
        required=True,
        validate=validate.Length(min=1, max=BULK_MOST, error=f"deve ter de 1 a {BULK_MOST} mensagens"),
        metadata={
            "description": "Cada uma com `type` (text, location, ...) e os campos de send-<type>; linkPreview é false",
            "example": [{"type": "text", "to": "5599999999999", "text": "Olá!", "delay": 1200}],
        },
    )


class AcceptedSchema(Schema):
    """A message accepted into the queue."""

    queued = fields.Boolean()
    id = fields.String(metadata={"description": "O número da linha na fila", "example": "42"})
    queuePosition = fields.Integer(metadata={"description": "Mensagens à frente na fila"})
    estimatedDelay = fields.Integer(metadata={"description": "Milissegundos até chegar a vez"})


class BulkSentSchema(Schema):
    """What was accepted, in the order given."""

    accepted = fields.Integer()
    messages = fields.List(fields.Nested(AcceptedSchema))


QueueAnswer = envelope("QueueStatus", QueueSchema)
ClearedAnswer = envelope("QueueCleared", ClearedSchema)
SendsAnswer = envelope("Sends", SendsSchema)
SendAnswer = envelope("Send", OutboxSendSchema)
QueueSettingsAnswer = envelope("QueueSettings", QueueSettingsSchema)
BulkAnswer = envelope("BulkSent", BulkSentSchema)
