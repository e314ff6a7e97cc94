"""A question's job: run its action against the session's client and answer its ticket."""

import structlog
from neonize.exc import NeonizeError

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import FlashAPIError, SessionNotConnected
from workers import refusals
from workers.actions import QUESTIONS
from workers.lane_worker import Ticket
from workers.live_session import LiveSession

log = structlog.get_logger()


def answer(ticket: Ticket, session: LiveSession, connections: Connections) -> None:
    """Run the action, unless its caller has gone. Anything unexpected is a bug: logged, and told as a 500."""
    if ticket.is_late:
        ticket.drop()
        return
    client = session.connected_client()
    if client is None or not session.may_act():
        ticket.fail(SessionNotConnected())
        return
    ticket.mark_started()
    try:
        ticket.answer(QUESTIONS[Action(ticket.action)](client, connections, session.mode, **ticket.keywords))
    except FlashAPIError as error:
        ticket.fail(error)
    except NeonizeError as error:
        log.warning("question_refused", action=ticket.action, error=str(error))
        ticket.fail(refusals.judge(str(error)))
    except Exception:
        log.exception("question_failed", action=ticket.action, request_id=ticket.request_id)
        ticket.fail(FlashAPIError())
