"""A session worker's parts in the test's own process, and a client that gets its acks when the test says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import redis
import sqlalchemy as sa
from neonize.exc import NeonizeError
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import shards
from flashapi.connections import Connections
from flashapi.media.spool import Spool
from flashapi.models.outbox import outbox
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from tests.support.servers import wait_until
from workers.addressing import to_jid
from workers.clients import DeviceStores
from workers.door import Door
from workers.held_shard import HeldShard
from workers.inbound import Inbound
from workers.journal import Journal
from workers.live_session import LiveSession
from workers.login import Login, Phase
from workers.media.files import Files
from workers.news import News
from workers.tools import Tools

GROUP = "120363000000000000@g.us"
"""Who sends to a group need not ask WhatsApp whether it exists."""


class SlowClient:
    """Stands for a connected client. A send waits for its ack, and is cut off by a stop as neonize's is."""

    def __init__(self) -> None:
        self.sending, self.acked, self.stopped = threading.Event(), threading.Event(), threading.Event()

    def call(self, name: str, *_arguments: Any, **_keywords: Any) -> Any:
        if name != "send_message":
            raise NeonizeError("not known")
        self.sending.set()
        while not self.acked.wait(0.01):
            if self.stopped.is_set():
                raise NeonizeError("websocket disconnected before message was acknowledged")
        return SimpleNamespace(
            Sender=to_jid("5511900000000@s.whatsapp.net"),
            ID="3EB0C0FFEE",
            Timestamp=1_700_000_000,
            Message=Message(conversation="oi"),
        )

    def stop(self) -> bool:
        self.stopped.set()
        return True


@contextmanager
def tools_of(settings: Settings, connections: Connections) -> Iterator[Tools]:
    """What the sessions of a process share."""
    journal = Journal(settings.data_dir / "journal" / "sandbox")
    inbound = Inbound(connections, journal)
    stores = DeviceStores(settings.devices_dir)
    slots = threading.BoundedSemaphore(10)
    try:
        yield Tools(settings, connections, inbound, stores, Door(), Files(Spool(settings)), slots)
    finally:
        inbound.close(2.0)
        journal.close()


def lease_of(client: "redis.Redis", shard: int = 0) -> shards.Lease:
    """A claim on a free shard."""
    lease = shards.claim(client, "sandbox", shard, shards.new_identity())
    assert lease is not None
    return lease


def connect(session: LiveSession, client: SlowClient, tools: Tools) -> None:
    """Have the session logged in with this client, once what it was to do before is done: that may be to stop."""
    settled = threading.Event()
    session._control.put(settled.set)
    assert settled.wait(5)
    login: Any = Login(session.session_id, 0, tools.inbound, News(session))
    login.client, login.phase = client, Phase.CONNECTED
    session._login = login


def session_in(held: HeldShard, session_id: str) -> LiveSession:
    """The session, once the shard has brought it up."""
    found = wait_until(
        lambda: [each for each in held.sessions() if each.session_id == session_id], "it is brought up", 5
    )
    session: LiveSession = found[0]  # type: ignore[index]
    return session


def row_of(connections: Connections, session_id: str) -> Any:
    with connections.reading() as connection:
        return connection.execute(sa.select(sessions).where(sessions.c.id == session_id)).one()


def state_of(connections: Connections, send: int) -> str:
    with connections.reading() as connection:
        return str(connection.execute(sa.select(outbox.c.state).where(outbox.c.id == send)).scalar_one())
