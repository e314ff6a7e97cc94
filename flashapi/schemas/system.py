"""What comes out of the system routes."""

from marshmallow import Schema, fields

from flashapi.schemas.envelope import envelope
from flashapi.schemas.sessions import CountsSchema, MemorySchema


class SystemSchema(Schema):
    """The web process that answers."""

    status = fields.String(metadata={"example": "online"})
    uptime = fields.Float(metadata={"description": "Segundos"})
    memory = fields.Nested(MemorySchema)
    version = fields.String()
    environment = fields.String()


class GlobalWebhookSchema(Schema):
    """The webhook that hears every session."""

    enabled = fields.Boolean()
    url = fields.String(allow_none=True, metadata={"description": "Só o começo"})
    hasSecret = fields.Boolean()


GlobalWebhookStateSchema = Schema.from_dict(
    {"global": fields.Nested(GlobalWebhookSchema), "enabled": fields.Boolean()}, name="WebhookState"
)
"""`global` is a keyword, so this can't be a class body."""


class SocketSchema(Schema):
    """The WebSocket of this process."""

    enabled = fields.Boolean()
    clients = fields.Integer()


class PoolSchema(Schema):
    """Connections to the database, whichever it is."""

    totalConnections = fields.Integer()
    freeConnections = fields.Integer()
    acquiringConnections = fields.Integer()
    connectionLimit = fields.Integer()


class DatabaseSchema(Schema):
    """The database."""

    mysql = fields.Nested(PoolSchema)


class SystemStatusSchema(Schema):
    """The installation."""

    system = fields.Nested(SystemSchema)
    sessions = fields.Nested(CountsSchema)
    webhook = fields.Nested(GlobalWebhookStateSchema)
    websocket = fields.Nested(SocketSchema)
    database = fields.Nested(DatabaseSchema)


class FeaturesSchema(Schema):
    """What is switched on."""

    globalWebhook = fields.Boolean()
    globalWebsocket = fields.Boolean()


class LimitsSchema(Schema):
    """The rate limit."""

    rateLimitWindow = fields.Integer(metadata={"description": "Milissegundos"})
    rateLimitMax = fields.Integer()


class SystemConfigSchema(Schema):
    """What the installation was told."""

    features = fields.Nested(FeaturesSchema)
    limits = fields.Nested(LimitsSchema)
    environment = fields.String()
    version = fields.String()


class CleanedSchema(Schema):
    """What was removed."""

    messages = fields.Integer()
    sessions = fields.Integer()


SystemStatusAnswer = envelope("SystemStatus", SystemStatusSchema)
SystemConfigAnswer = envelope("SystemConfig", SystemConfigSchema)
CleanedAnswer = envelope("Cleaned", CleanedSchema)
