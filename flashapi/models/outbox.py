"""Every send is a row before it is anything else (D4)."""

from enum import StrEnum

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, LongText, Millis, RowId, metadata


class SendState(StrEnum):
    """queued → sending → sent | failed; cancelled before it left; uncertain when nobody can say."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


FINAL_STATES = (SendState.SENT, SendState.FAILED, SendState.CANCELLED, SendState.UNCERTAIN)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("payload", LongText, nullable=False),  # JSON: the action's keywords
    sa.Column("direct", sa.Boolean, nullable=False, default=False),  # somebody waits for the answer
    sa.Column("expires_at", Millis),  # direct only: not begun by then, it is cancelled
    sa.Column("delay_ms", sa.Integer, nullable=False, default=0),
    sa.Column("gap_ms", sa.Integer, nullable=False, default=1_000),
    sa.Column("priority", sa.Integer, nullable=False, default=0),
    sa.Column("due_at", Millis, nullable=False, default=0),
    sa.Column("state", sa.String(12), nullable=False, default=SendState.QUEUED),
    sa.Column("epoch", sa.BigInteger, nullable=False, default=0),
    sa.Column("request_id", sa.String(64)),
    sa.Column("chat", sa.String(128)),
    sa.Column("message_id", sa.String(128)),
    sa.Column("message_timestamp", sa.BigInteger),  # seconds, from WhatsApp
    sa.Column("error", LongText),  # JSON: FlashAPIError.to_wire()
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("sending_at", Millis),
    sa.Column("finished_at", Millis),
    sa.Index(None, "session_id", "state", "direct", "priority", "id"),
    sa.Index(None, "session_id", "message_id"),
    **OPTIONS,
)
