"""WhatsApp's restrictions of an account: how long they last as far as we know, and the event that tells of them.

463 is whatsmeow's NackSenderReachoutTimelocked (types/events, "reachout timelock"): the account may not begin
conversations for a while. WhatsApp doesn't say for how long, so each one in a row is taken to last twice as long.
"""

import sqlalchemy as sa
import structlog

from flashapi import bus, outbox_states
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import queues
from flashapi.models.sessions import sessions
from flashapi.queue_events import SessionRestricted

log = structlog.get_logger()

REACHOUT_TIMELOCKED = 463
FIRST_MS = 3_600_000
LONGEST_MS = 24 * 3_600_000
FORGOTTEN_AFTER_MS = 24 * 3_600_000
"""A restriction so long after the end of the last one counts as the first again."""


def restrict(connections: Connections, session_id: str, code: str, for_ms: int | None = None) -> int:
    """Note that the account is restricted, and tell of it; returns until when, in ms."""
    with outbox_states.changing(connections) as (connection, changes):
        bus.take_turn(connection, session_id)
        outbox_states.ensure_queue(connection, session_id)
        known = connection.execute(
            sa.select(queues.c.restricted_until, queues.c.restrictions).where(queues.c.session_id == session_id)
        ).one()
        now = now_ms()
        in_a_row = known.restrictions if (known.restricted_until or 0) > now - FORGOTTEN_AFTER_MS else 0
        lasts = for_ms if for_ms is not None else min(FIRST_MS << min(in_a_row, 10), LONGEST_MS)
        until = max(known.restricted_until or 0, now + lasts)
        connection.execute(
            queues.update()
            .where(queues.c.session_id == session_id)
            .values(restricted_until=until, restriction_code=code, restrictions=in_a_row + 1)
        )
        name = connection.execute(sa.select(sessions.c.name).where(sessions.c.id == session_id)).scalar()
        if name is not None:
            event = SessionRestricted(code=code, until=until)
            changes.recorded.append(bus.record(connection, session_id, name, event))
    log.warning("session_restricted", session=session_id, code=code, until=until)
    return until
