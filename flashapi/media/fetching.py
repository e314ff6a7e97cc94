"""A message's file, decrypted: from the spool, else from WhatsApp through the session's worker."""

from pathlib import Path
from typing import Any

from flashapi.dispatch import Action, Dispatcher
from flashapi.media.spool import Spool

DOWNLOAD_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 1_000_000


def fetch(
    dispatcher: Dispatcher, spool: Spool, session: Any, message_id: str, size: int, request_id: str | None = None
) -> Path:
    """The file. `session` is its row. Raises what the worker raises, NoWorker, OutcomeUnknown, Gone."""
    path = spool.find_received(session.id, message_id)
    if path is not None:
        return path
    name = dispatcher.ask(
        session.mode,
        session.shard,
        session.id,
        Action.DOWNLOAD_MEDIA,
        request_id=request_id,
        wait=DOWNLOAD_SECONDS + size / SLOWEST_BYTES_PER_SECOND,
        message_id=message_id,
    )
    return spool.path(name)
