"""One row per session: what the API wants of it, and what its owner last saw."""

from enum import StrEnum

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, Millis, metadata


class Mode(StrEnum):
    """Which network a session belongs to, for good."""

    LIVE = "live"
    SANDBOX = "sandbox"


class Wanted(StrEnum):
    """What the API asked for; the shard's owner brings the session to it."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNLINKED = "unlinked"
    """Log the device out at WhatsApp, then be `stopped`."""
    DELETED = "deleted"
    """Log the device out, then remove every row."""


class State(StrEnum):
    """What was last seen, in the contract's words."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    QR_READY = "qr_ready"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"


class Reason(StrEnum):
    """Why a session is not connected; goes into `status` and `session_disconnected`."""

    STOPPED = "stopped"
    QR_TIMEOUT = "qr_timeout"
    CONNECTION_LOST = "connection_lost"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "client_outdated"
    PAIR_FAILED = "pair_failed"
    CONNECT_FAILED = "connect_failed"
    WORKER_LOST = "worker_lost"
    DEVICE_MISSING = "device_missing"
    """It is paired, but its device's keys are not on this machine."""


sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(100), nullable=False, unique=True),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("number", sa.String(20)),  # asked for at creation: pair by code
    sa.Column("phone", sa.String(20)),  # the account's number, known once paired
    sa.Column("lid", sa.String(64)),
    sa.Column("paired", sa.Boolean, nullable=False, default=False),
    sa.Column("wanted", sa.String(12), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, default=0),  # +1 asks for a fresh connection
    sa.Column("state", sa.String(16), nullable=False, default=State.DISCONNECTED),
    sa.Column("state_epoch", sa.BigInteger, nullable=False, default=0),
    sa.Column("reason", sa.String(32)),
    sa.Column("qr", sa.Text),
    sa.Column("qr_expires_at", Millis),
    sa.Column("pairing_code", sa.String(16)),
    sa.Column("last_event_at", Millis),
    sa.Column("last_connected_at", Millis),
    sa.Column("connection_attempts", sa.Integer, nullable=False, default=0),
    sa.Column("reconnect_attempts", sa.Integer, nullable=False, default=0),
    sa.Column("ignore_groups", sa.Boolean, nullable=False, default=False),
    sa.Column("auto_read", sa.Boolean, nullable=False, default=False),
    sa.Column("reject_calls", sa.Boolean, nullable=False, default=True),
    sa.Column("reject_calls_text", sa.Text),
    sa.Column("auto_reply", sa.Boolean, nullable=False, default=False),
    sa.Column("auto_reply_text", sa.Text),
    sa.Column("media_base64", sa.Boolean, nullable=False, default=False),  # files inside events
    sa.Column("proxy", sa.String(500)),
    sa.Column("device_name", sa.String(50)),  # null: the installation's
    sa.Column("browser", sa.String(20)),
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("updated_at", Millis, nullable=False),
    sa.Index(None, "mode", "shard"),
    **OPTIONS,
)
