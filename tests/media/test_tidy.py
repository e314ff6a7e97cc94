"""Which spooled files a worker removes: those that no row waits to send or may be told to send again."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

from flashapi.connections import Connections
from flashapi.media.spool import UNNAMED_SECONDS, Spool, name_to_send
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.settings import Settings
from tests.support.facts import add_session
from workers.media.files import KEPT_FOR_RETRY_MS, Files


def test_files_of_waiting_rows_stay(connections: Connections, settings: Settings, tmp_path: Path) -> None:
    spool = Spool(replace(settings, media_dir=tmp_path / "media"))
    session = add_session(connections, "alice-arquivos")
    names = {}
    waiting = (SendState.QUEUED, SendState.SENDING)
    for state in (SendState.QUEUED, SendState.SENDING, SendState.SENT, SendState.CANCELLED, None):
        with spool.draft() as draft:
            draft.write(b"x")
            names[state] = draft.keep(name_to_send(session.id))
        if state is not None:
            payload = {"media": {"spool": names[state], "mimetype": "image/png", "size": 1, "sha256": "0"}}
            with connections.transaction() as connection:
                connection.execute(
                    outbox.insert(),
                    {"session_id": session.id, "action": "send_image", "recipient": "5511900000000",
                     "payload": json.dumps(payload), "state": state, "created_at": now_ms()},
                )  # fmt: skip
    files = Files(spool)
    files.tidy(connections)
    assert set(os.listdir(tmp_path / "media")) == set(names.values()), "all are too young"
    moment = time.time() - UNNAMED_SECONDS - 1
    for name in names.values():
        os.utime(spool.path(name), (moment, moment))
    files.tidy(connections)
    waited_for = {names[SendState.QUEUED], names[SendState.SENDING]}
    assert set(os.listdir(tmp_path / "media")) == waited_for | {names[SendState.CANCELLED]}, "it may be retried"
    with connections.transaction() as connection:
        connection.execute(outbox.update().values(finished_at=now_ms() - KEPT_FOR_RETRY_MS - 1))
        connection.execute(outbox.update().where(outbox.c.state.in_(waiting)).values(finished_at=None))
    files.tidy(connections)
    assert set(os.listdir(tmp_path / "media")) == waited_for
