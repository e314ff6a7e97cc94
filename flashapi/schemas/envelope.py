"""The contract's envelope around every answer."""

from typing import Any

from marshmallow import Schema, fields

MESSAGE = "Texto para o usuário"


def envelope(
    name: str, data: type[Schema] | fields.Field[Any] | None = None, **beside: fields.Field[Any]
) -> type[Schema]:
    """`{"success": true, "message"?, "data"?}`, with `beside` for the routes that put fields next to `success`."""
    contents: dict[str, Any] = {
        "success": fields.Constant(True, metadata={"type": "boolean", "example": True}),
        "message": fields.String(metadata={"description": MESSAGE}),
    }
    if data is not None:
        contents["data"] = data if isinstance(data, fields.Field) else fields.Nested(data)
    return Schema.from_dict({**contents, **beside}, name=f"{name}Answer")


class ErrorSchema(Schema):
    """Every failure, whatever its status."""

    success = fields.Constant(False, metadata={"type": "boolean", "example": False})
    message = fields.String(metadata={"description": MESSAGE, "example": "Sessão não está conectada"})


class UnknownOutcomeSchema(ErrorSchema):
    """The wait ran out: the operation may or may not have happened."""

    reference = fields.String(metadata={"description": "Identificador para consultar o resultado", "example": "42"})


Done = envelope("Done")
"""An answer that is only a message."""
