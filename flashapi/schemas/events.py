"""The event log as `GET /api/events` shows it."""

from marshmallow import Schema, fields

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Identifier, TextList, Whole
from flashapi.schemas.inputs import InputSchema

EVENT_ID = "evt_0f4c1f0e6f4e4d0c9a532f7c8c9b6a10"
PAGE_LARGEST = 1_000


class EventsQuerySchema(InputSchema):
    """Which events to show."""

    after = Identifier(
        load_default=None,
        metadata={"description": "Id do último evento visto; ausente: desde o mais antigo", "example": EVENT_ID},
    )
    limit = Whole(low=1, high=PAGE_LARGEST, load_default=100)
    names = TextList(data_key="events", load_default=None, metadata={"description": "Só estes; ausente: todos"})


class EventSchema(Schema):
    """An event, as WebSocket and webhooks tell it."""

    id = fields.String(metadata={"example": EVENT_ID})
    event = fields.String(metadata={"example": "message_received"})
    sessionId = fields.String(metadata={"description": "Nome da sessão", "example": "minha-sessao"})
    data = fields.Raw(metadata={"description": "O mesmo conteúdo do WebSocket e dos webhooks"})
    timestamp = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})


class EventsPageSchema(Schema):
    """A page of events, the oldest first."""

    events = fields.List(fields.Nested(EventSchema))
    last = fields.String(allow_none=True, metadata={"description": "`after` da próxima consulta", "example": EVENT_ID})
    gone = fields.Boolean(
        metadata={"description": "O evento `after` não está mais guardado: pode faltar algo entre ele e os mostrados"}
    )


EventsAnswer = envelope("Events", EventsPageSchema)
