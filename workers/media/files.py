"""The files a worker process sends and fetches."""

from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from flashapi.connections import Connections
from flashapi.media.spool import Spool, file_named_in
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from workers.media.slots import Slots

log = structlog.get_logger()

KEPT_FOR_RETRY_MS = 24 * 3_600_000
"""How long the file of a send that is over, but not sent, stays for `POST /api/chat/queue/<id>/retry`."""


@dataclass(frozen=True)
class Files:
    """The spool, and who may have a file in memory."""

    spool: Spool
    slots: Slots = field(default_factory=Slots)

    def discard(self, payload: str) -> None:
        """The row with this payload is sent: its file, if it has one, is needed no more."""
        if (name := file_named_in(payload)) is not None:
            self.spool.remove(name)

    def tidy(self, connections: Connections) -> None:
        """Remove the files that no row waits to send or may be told to send again, and received ones nobody asked for
        lately."""
        candidates = self.spool.to_send()
        waited_for: set[str] = set()
        if candidates:
            with connections.reading() as connection:
                payloads = connection.scalars(
                    sa.select(outbox.c.payload).where(
                        outbox.c.session_id.in_(set(candidates.values())),
                        outbox.c.state != SendState.SENT,
                        sa.or_(outbox.c.finished_at.is_(None), outbox.c.finished_at > now_ms() - KEPT_FOR_RETRY_MS),
                    )
                ).all()
            waited_for = {name for payload in payloads if (name := file_named_in(payload)) is not None}
        if removed := self.spool.sweep(candidates.keys() - waited_for):
            log.info("files_removed", count=removed)
