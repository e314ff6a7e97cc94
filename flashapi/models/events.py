"""Events are rows (D7), and one delivery row per webhook endpoint that wants them (D8)."""

from enum import StrEnum

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, LongText, Millis, RowId, metadata


class DeliveryState(StrEnum):
    """waiting → delivered | dead."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


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
    **OPTIONS,
)

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False, unique=True),  # GLOBAL for the installation's own
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("events", sa.JSON),  # names wanted; null means all
    sa.Column("enabled", sa.Boolean, nullable=False, default=True),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    **OPTIONS,
)

GLOBAL = "*"
"""The `session_id` of the endpoint that hears every session."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("endpoint_id", RowId, nullable=False),
    sa.Column("position", RowId, nullable=False),
    sa.Column("state", sa.String(12), nullable=False, default=DeliveryState.WAITING),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Millis, nullable=False, default=0),
    sa.Column("status_code", sa.Integer),
    sa.Column("error", sa.String(500)),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("finished_at", Millis),
    sa.Index(None, "state", "endpoint_id", "id"),
    **OPTIONS,
)
