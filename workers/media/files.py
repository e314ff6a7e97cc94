"""The files a worker process sends and fetches: few at a time, since neonize wants each whole in memory."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import structlog

from flashapi.connections import Connections
from flashapi.media.spool import Spool
from flashapi.models.outbox import FINAL_STATES, outbox
from workers.lanes import Lane

log = structlog.get_logger()

AT_ONCE = 2


@dataclass(frozen=True)
class Files:
    """The spool, and who may have a file in memory."""

    spool: Spool
    downloads: Lane = field(default_factory=lambda: Lane("downloads", width=AT_ONCE))
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for leave to have a file in memory."""
        with self._slots:
            yield

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """A spooled file, with leave to have it in memory. Raises Gone."""
        with self.slot():
            yield self.spool.path(name)

    def discard(self, payload: str) -> None:
        """The row with this payload is final: its file, if it has one, is needed no more."""
        if (name := _file_of(payload)) is not None:
            self.spool.remove(name)

    def tidy(self, connections: Connections) -> None:
        """Remove the files that no row waits to send, and received ones nobody asked for lately."""
        candidates = self.spool.to_send()
        waited_for: set[str] = set()
        if candidates:
            with connections.reading() as connection:
                payloads = connection.scalars(
                    sa.select(outbox.c.payload).where(
                        outbox.c.session_id.in_(set(candidates.values())), outbox.c.state.not_in(FINAL_STATES)
                    )
                ).all()
            waited_for = {name for payload in payloads if (name := _file_of(payload)) is not None}
        if removed := self.spool.sweep(candidates.keys() - waited_for):
            log.info("files_removed", count=removed)


def _file_of(payload: str) -> str | None:
    """The name of the spooled file that an outbox row's payload refers to."""
    if '"spool"' not in payload:
        return None
    media = json.loads(payload).get("media")
    return media.get("spool") if isinstance(media, dict) else None
