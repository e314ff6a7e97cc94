"""Events are rows, one delivery row per webhook endpoint that wants them, one attempt row per try."""

from enum import StrEnum

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, LongText, Millis, RowId, metadata


class EndpointKind(StrEnum):
    """Where an endpoint comes from; of the first two there is one per session, and one in all."""

    CONTRACT = "contract"
    """The session's webhook as the original has it: `webhookUrl` at creation, `PUT /api/config/webhook`."""
    ENVIRONMENT = "env"
    """GLOBAL_WEBHOOK_URL."""
    OWN = "own"
    """Made by `POST /api/webhook`."""


class PauseReason(StrEnum):
    """Why an endpoint's line stands still."""

    ASKED = "asked"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It has done nothing but fail for WEBHOOK_PAUSE_HOURS."""


class DeliveryState(StrEnum):
    """waiting → delivered | dead; one that fails while others get through: waiting → slow → delivered | dead."""

    WAITING = "waiting"
    SLOW = "slow"
    DELIVERED = "delivered"
    DEAD = "dead"


class Origin(StrEnum):
    """Why there is a delivery."""

    EVENT = "event"
    REPLAY = "replay"
    TEST = "test"


events = sa.Table(
    "events",
    metadata,
    sa.Column("position", RowId, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("session_name", sa.String(100), nullable=False),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("time", Millis, nullable=False),
    sa.Column("data", LongText, nullable=False),  # JSON
    sa.Column("request_id", sa.String(64)),
    sa.Index(None, "session_id", "position"),
    sa.Index(None, "time"),
    **OPTIONS,
)

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),  # GLOBAL for the installation's own
    sa.Column("kind", sa.String(8), nullable=False, default=EndpointKind.OWN),
    sa.Column("slot", sa.String(50), unique=True),  # of kinds of which there is one; see flashapi.webhooks.contract
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("events", sa.JSON),  # names wanted; null means all
    sa.Column("headers", sa.JSON),
    sa.Column("description", sa.String(255)),
    sa.Column("enabled", sa.Boolean, nullable=False, default=True),  # off: nothing is written down for it
    sa.Column("paused_at", Millis),  # paused: its deliveries wait
    sa.Column("pause_reason", sa.String(12)),
    sa.Column("secret", sa.Text),  # sealed; see flashapi.webhooks.secrets
    sa.Column("previous_secrets", sa.JSON),  # [{secret, until}], the oldest first; sealed too
    sa.Column("failing_since", Millis),  # null after a success
    sa.Column("last_success_at", Millis),
    sa.Column("removed_at", Millis),  # its deliveries go in batches, then the row
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.Index(None, "session_id"),
    **OPTIONS,
)

GLOBAL = "*"
"""The `session_id` of the endpoints that hear every session."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("endpoint_id", RowId, nullable=False),
    sa.Column("position", RowId, nullable=False),
    sa.Column("session_id", sa.String(36), nullable=False),  # this and the next are the event's, for the log's filters
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("origin", sa.String(8), nullable=False, default=Origin.EVENT),
    sa.Column("state", sa.String(12), nullable=False, default=DeliveryState.WAITING),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("failing_since", Millis),
    sa.Column("moved_at", Millis),  # when it left the line for the slow lane
    sa.Column("next_at", Millis, nullable=False, default=0),
    sa.Column("status_code", sa.Integer),
    sa.Column("error", sa.String(500)),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("finished_at", Millis),
    sa.Index(None, "state", "endpoint_id", "id"),
    sa.Index(None, "endpoint_id", "id"),
    sa.Index(None, "position"),
    **OPTIONS,
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("delivery_id", RowId, nullable=False),
    sa.Column("at", Millis, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("status_code", sa.Integer),
    sa.Column("error", sa.String(500)),
    sa.Column("response", sa.String(500)),  # the beginning of what it answered
    sa.Index(None, "delivery_id"),
    **OPTIONS,
)
