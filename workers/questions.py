"""A question's job: run its action against the session's client and answer its ticket."""

from collections.abc import Callable
from typing import Any

import redis
import structlog
from neonize.exc import NeonizeError

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import FlashAPIError, RedisUnavailable, SessionNotConnected
from workers import refusals
from workers.actions import QUESTIONS, WITH_FILES
from workers.actions.workshop import Workshop
from workers.clients import Client
from workers.lane_worker import Ticket
from workers.live_session import LiveSession
from workers.tools import Tools

log = structlog.get_logger()


def answer(ticket: Ticket, session: LiveSession, connections: Connections) -> None:
    """Run an action that asks WhatsApp something, unless its caller has gone."""

    def ask(client: Client) -> Any:
        return QUESTIONS[Action(ticket.action)](client, connections, session.row, **ticket.keywords)

    _answer(ticket, session, ask)


def answer_with_file(ticket: Ticket, session: LiveSession, tools: Tools) -> None:
    """Run an action that has to do with a file, unless its caller has gone."""

    def act(client: Client) -> Any:
        workshop = Workshop(session.session_id, session.mode, tools.connections, client, tools.files)
        return WITH_FILES[Action(ticket.action)](workshop, **ticket.keywords)

    _answer(ticket, session, act)


def _answer(ticket: Ticket, session: LiveSession, act: Callable[[Client], Any]) -> None:
    """Answer with what `act` returns or raises. Anything unexpected is a bug: logged, and told as a 500."""
    if ticket.is_late:
        ticket.drop()
        return
    client = session.connected_client()
    if client is None or not session.may_act():
        ticket.fail(SessionNotConnected())
        return
    try:
        ticket.mark_started()
    except redis.RedisError:  # not noted, so not begun
        ticket.fail(RedisUnavailable())
        return
    try:
        ticket.answer(act(client))
    except FlashAPIError as error:
        ticket.fail(error)
    except NeonizeError as error:
        log.warning("question_refused", action=ticket.action, error=str(error))
        ticket.fail(refusals.judge(str(error)))
    except Exception:
        log.exception("question_failed", action=ticket.action, request_id=ticket.request_id)
        ticket.fail(FlashAPIError())
