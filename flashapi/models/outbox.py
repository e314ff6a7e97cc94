"""Every send is a row before it is anything else; beside it the queue it waits in, and the keys that name it."""

from enum import StrEnum

import sqlalchemy as sa

from flashapi.models.base import OPTIONS, LongText, Millis, RowId, metadata


class SendState(StrEnum):
    """scheduled → queued → sending → sent | failed; cancelled before it left; uncertain when nobody can say.

    An uncertain send that its owner has done with is `dismissed`: that says nothing of whether it left.
    """

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"
    DISMISSED = "dismissed"


UNKNOWN_STATES = (SendState.UNCERTAIN, SendState.DISMISSED)
"""Nobody can say whether it left."""
FINAL_STATES = (SendState.SENT, SendState.FAILED, SendState.CANCELLED, *UNKNOWN_STATES)
WAITING_STATES = (SendState.QUEUED, SendState.SCHEDULED)
COUNTED_STATES = (SendState.QUEUED, SendState.SCHEDULED, SendState.SENDING, SendState.UNCERTAIN)
"""Those whose number `queues` keeps, in columns of the same names."""

DIRECT_RANK = 0
HIGHEST_PRIORITY = 99
STRANGERS = 1_000
"""Added to the rank of a row that is, or was when it was sent, the first message to somebody."""


def rank_of(priority: int) -> int:
    """Where a queued row stands in its line: the lower, the sooner. Direct rows have DIRECT_RANK."""
    return HIGHEST_PRIORITY + 1 - priority


def priority_of(rank: int) -> int:
    """The priority of a queued row that has this rank."""
    return HIGHEST_PRIORITY + 1 - rank % STRANGERS


outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("recipient", sa.String(128), nullable=False),  # as the caller wrote it, normalised
    sa.Column("payload", LongText, nullable=False),  # JSON: the action's keywords
    sa.Column("direct", sa.Boolean, nullable=False, default=False),  # somebody waits for the answer
    sa.Column("rank", sa.Integer, nullable=False, default=rank_of(0)),
    sa.Column("expires_at", Millis),  # direct only: not begun by then, it is cancelled
    sa.Column("due_at", Millis, nullable=False, default=0),  # not to be sent before
    sa.Column("delay_ms", sa.Integer, nullable=False, default=0),
    sa.Column("state", sa.String(12), nullable=False, default=SendState.QUEUED),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("epoch", sa.BigInteger, nullable=False, default=0),  # of the lease under which it was last sent
    sa.Column("request_id", sa.String(64)),
    sa.Column("chat", sa.String(128)),  # the JID that `recipient` was found to be, known once it is being sent
    sa.Column("message_id", sa.String(128)),
    sa.Column("message_timestamp", sa.BigInteger),  # seconds, from WhatsApp
    sa.Column("error", LongText),  # JSON: FlashAPIError.to_wire()
    sa.Column("created_at", Millis, nullable=False),
    sa.Column("sending_at", Millis),
    sa.Column("finished_at", Millis),
    sa.Index(None, "session_id", "state", "rank", "id"),  # the head of the line
    sa.Index(None, "session_id", "state", "due_at"),  # what is scheduled next
    sa.Index(None, "session_id", "state", "id"),  # pages of one state
    sa.Index(None, "session_id", "id"),
    sa.Index(None, "session_id", "sending_at"),  # the pacing guard
    sa.Index(None, "session_id", "message_id"),
    sa.Index(None, "finished_at"),
    **OPTIONS,
)

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("session_id", sa.String(36), primary_key=True),
    sa.Column("queued", sa.Integer, nullable=False, default=0),
    sa.Column("scheduled", sa.Integer, nullable=False, default=0),
    sa.Column("sending", sa.Integer, nullable=False, default=0),
    sa.Column("uncertain", sa.Integer, nullable=False, default=0),
    sa.Column("delay_ms", sa.BigInteger, nullable=False, default=0),  # of all that is queued
    sa.Column("paused", sa.Boolean, nullable=False, default=False),
    sa.Column("settings", LongText),  # JSON: QueueSettings; null: the defaults
    sa.Column("restricted_until", Millis),
    sa.Column("restriction_code", sa.String(40)),
    sa.Column("restrictions", sa.Integer, nullable=False, default=0),  # in a row, each lasting twice as long
    **OPTIONS,
)
"""What there is to know about a session's queue without looking at its rows. Direct rows aren't counted."""

doubts = sa.Table(
    "outbox_doubts",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("row_id", RowId, nullable=False),  # of a send that may have gone out again, or be removed, since
    sa.Column("chat", sa.String(128), nullable=False),
    sa.Column("began_at", Millis, nullable=False),
    sa.Column("passed_at", Millis),  # when a later message of ours had reached the chat
    sa.Index(None, "session_id", "chat"),
    sa.Index(None, "row_id"),
    **OPTIONS,
)
"""The attempts to send of which nobody knows whether they left, each by itself: a row may have several."""

stray_receipts = sa.Table(
    "outbox_receipts",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("message_id", sa.String(128), nullable=False),
    sa.Column("chat", sa.String(128), nullable=False),
    sa.Column("moment", Millis, nullable=False),  # WhatsApp's, in whole seconds
    sa.UniqueConstraint("session_id", "message_id"),
    sa.Index(None, "session_id", "chat"),
    **OPTIONS,
)
"""The first receipts of messages that no send is known to have become; some attempt in doubt has, each one."""

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("session_id", sa.String(36), primary_key=True),
    sa.Column("route", sa.String(100), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("row_id", RowId),  # direct: the answer is what becomes of this row
    sa.Column("answer", LongText),  # queued: JSON, the answer that was given
    sa.Column("created_at", Millis, nullable=False),
    sa.Index(None, "created_at"),
    **OPTIONS,
)
