"""A message's file, decrypted: from the spool, else from WhatsApp through the session's worker."""

from pathlib import Path
from typing import Any

from flashapi.dispatch import Action, Dispatcher
from flashapi.media import patience
from flashapi.media.spool import Spool


def fetch(
    dispatcher: Dispatcher,
    spool: Spool,
    session: Any,
    message_id: str,
    size: int,
    *,
    request_id: str | None = None,
    at_most: int | None = None,
) -> Path:
    """The file. `session` is its row; `size` is what its sender says, who may lie: the worker takes no more bytes than
    any file may have, or `at_most`.

    Raises TooLarge, what the worker raises, NoWorker, OutcomeUnknown, Gone.
    """
    path = spool.find_received(session.id, message_id)
    if path is not None:
        return path
    spool.refuse_beyond_limit(size)
    name = dispatcher.ask(
        session.mode,
        session.shard,
        session.id,
        Action.DOWNLOAD_MEDIA,
        request_id=request_id,
        wait=patience.to_fetch(size),
        message_id=message_id,
        at_most=at_most,
    )
    return spool.path(name)
