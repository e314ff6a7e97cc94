"""Puts a received file into its event, as base64, for sessions that ask for it: when a frame is written."""

import base64
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import structlog

from flashapi.bus import Recorded
from flashapi.connections import Connections
from flashapi.dispatch import Dispatcher
from flashapi.errors import FlashAPIError, TooLarge
from flashapi.events import EventType
from flashapi.media.facts import file_in
from flashapi.media.fetching import fetch
from flashapi.media.spool import Spool
from flashapi.models.sessions import sessions

log = structlog.get_logger()

EMBEDDED_AT_MOST = 16 * 1024 * 1024
"""Bytes. What is larger is fetched by its own route only."""


class Embedder:
    """For any number of threads."""

    def __init__(self, connections: Connections, dispatcher: Dispatcher, spool: Spool) -> None:
        self._connections = connections
        self._dispatcher = dispatcher
        self._spool = spool

    def concerns(self, recorded: Recorded) -> bool:
        """Whether `embed` may have something to do; asks nobody."""
        return (
            recorded.name == EventType.MESSAGE_RECEIVED
            and "sha256" in recorded.data
            and int(recorded.data.get("size", 0)) <= EMBEDDED_AT_MOST
        )

    def embed(self, recorded: Recorded) -> Recorded:
        """The event with `base64` and `dataUrl` in its message, if its session wants that; else, or when the file can't
        be had, the event as it is. May wait for WhatsApp."""
        if not self.concerns(recorded):
            return recorded
        try:
            with self._connections.reading() as connection:
                session = connection.execute(sa.select(sessions).where(sessions.c.id == recorded.session_id)).first()
            if session is None or not session.media_base64:
                return recorded
            content = self._content(session, recorded)
        except (FlashAPIError, OSError) as error:
            log.warning("file_not_embedded", session=recorded.session_id, error=str(error))
            return recorded
        return replace(recorded, data=_with_content(recorded.data, content))

    def _content(self, session: Any, recorded: Recorded) -> bytes:
        """Raises TooLarge also for a file that is larger than its sender says."""
        declared = int(recorded.data.get("size", 0))
        message_id = recorded.data["id"]
        path = fetch(self._dispatcher, self._spool, session, message_id, declared, at_most=EMBEDDED_AT_MOST)
        if path.stat().st_size > EMBEDDED_AT_MOST:  # it was in the spool already
            raise TooLarge()
        return path.read_bytes()


def _with_content(data: dict[str, Any], content: bytes) -> dict[str, Any]:
    """A copy of an event's data, with the file where the original puts it."""
    encoded = base64.b64encode(content).decode()
    embedded = {"base64": encoded, "dataUrl": f"data:{data['mimetype']};base64,{encoded}"}
    message = dict(data["message"]["message"])
    kind, file = file_in(message)
    message[kind] = {**file, **embedded}
    return {**data, "message": {**data["message"], "message": message}}
