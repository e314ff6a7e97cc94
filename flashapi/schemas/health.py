"""What the two health routes answer."""

from marshmallow import Schema, fields

from flashapi.schemas.envelope import ErrorSchema, envelope


class ReadinessSchema(Schema):
    """What answers and what is missing."""

    database = fields.Boolean()
    redis = fields.Boolean()
    webhooks = fields.Boolean(metadata={"description": "Há um worker de webhooks"})
    unowned = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Integer()),
        metadata={"description": "Shards sem worker, por modo", "example": {"live": []}},
    )
    missing = fields.List(fields.String(), metadata={"example": []})


class LivenessSchema(Schema):
    """The process lives."""

    status = fields.String(metadata={"example": "ok"})


class NotReadySchema(ErrorSchema):
    """Something is missing."""

    data = fields.Nested(ReadinessSchema)


LivenessAnswer = envelope("Liveness", LivenessSchema)
ReadinessAnswer = envelope("Readiness", ReadinessSchema)
