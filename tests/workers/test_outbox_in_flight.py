"""A receipt comes while a send is in flight, for another one that is in doubt: it is looked at again at the end."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from neonize.exc import NeonizeError
from neonize.proto import Neonize_pb2 as wire

from flashapi import outbox_doubts
from flashapi.connections import Connections
from flashapi.errors import Unavailable
from flashapi.models.base import now_ms
from flashapi.models.outbox import doubts, outbox, queues
from flashapi.settings import Settings
from tests.support.servers import wait_until
from tests.workers.rows import add_send
from tests.workers.serving import GROUP, SlowClient, connect, lease_of, row_of, state_of, tools_of
from tests.workers.test_from_whatsapp import LID, PHONE
from workers import outbox_rows as rows
from workers.addressing import to_jid
from workers.clients import CODES
from workers.live_session import LiveSession

AGO_MS = 60_000


class RefusingClient(SlowClient):
    """Its send ends with an error, once the test says so."""

    error = ""

    def call(self, name: str, *arguments: object, **keywords: object) -> object:
        answer = super().call(name, *arguments, **keywords)
        if self.error:
            raise NeonizeError(self.error)
        return answer


@pytest.fixture
def client() -> RefusingClient:
    return RefusingClient()


@pytest.fixture
def doubtful(connections: Connections, session_id: str) -> int:
    """A send to the group that was in flight when its worker was killed, a minute ago."""
    send = add_send(connections, session_id, recipient=GROUP)
    with connections.reading() as connection:
        row = rows.next_row(connection, session_id)
    assert row is not None and rows.claim(connections, row, 1, GROUP)
    assert rows.recover(connections, [session_id], 2) == 1
    with connections.transaction() as connection:
        connection.execute(doubts.update().values(began_at=now_ms() - AGO_MS))
    return send


@pytest.fixture
def session(
    database: Settings, connections: Connections, session_id: str, client: RefusingClient, doubtful: int
) -> Iterator[LiveSession]:
    """Connected through `client`."""
    with tools_of(database, connections) as tools:
        made = LiveSession(row_of(connections, session_id), lease_of(connections.redis), tools)
        connect(made, client, tools)
        yield made


def receive(session: LiveSession, message_id: str) -> None:
    """What WhatsApp hands over: somebody of the group got this message, soon after the one in doubt had begun."""
    source = wire.MessageSource(Chat=to_jid(GROUP), Sender=LID, SenderAlt=PHONE, IsFromMe=False, IsGroup=True)
    receipt = wire.Receipt(
        MessageSource=source, MessageIDs=[message_id], Type=wire.Receipt.DELIVERED,
        Timestamp=(now_ms() - AGO_MS) // 1_000 + 1,
    )  # fmt: skip
    inbound, stored = session._tools.inbound, threading.Event()
    inbound.receive(session.session_id, CODES[wire.Receipt], receipt.SerializePartialToString())
    inbound.then(session.session_id, stored.set)
    assert stored.wait(5)


@pytest.mark.parametrize(
    ("error", "end"),
    [("", "sent"), ("server returned error 479", "failed"), ("nobody knows this text", "uncertain")],
)
def test_a_receipt_beside_a_send_in_flight_is_looked_at_when_that_has_ended(
    connections: Connections, session: LiveSession, client: RefusingClient, doubtful: int, error: str, end: str
) -> None:
    client.error = error
    send = add_send(connections, session.session_id, recipient=GROUP)
    session.outbox.wake()
    assert client.sending.wait(5)
    receive(session, "3EB0AAAA")
    assert state_of(connections, doubtful) == "uncertain"  # it may be of the one in flight
    client.acked.set()
    wait_until(lambda: state_of(connections, send) == end, "the send in flight has ended", 5)
    assert state_of(connections, doubtful) == "sent"


def test_a_receipt_outlives_the_process_that_got_it(
    connections: Connections, session: LiveSession, client: RefusingClient, doubtful: int
) -> None:
    send = add_send(connections, session.session_id, recipient=GROUP)
    session.outbox.wake()
    assert client.sending.wait(5)
    receive(session, "3EB0AAAA")
    assert rows.recover(connections, [session.session_id], session.outbox._session.epoch + 1) == 1
    assert (state_of(connections, doubtful), state_of(connections, send)) == ("sent", "uncertain")
    client.acked.set()
    wait_until(lambda: state_of(connections, send) == "sent", "the ack came after all", 5)
    with connections.reading() as connection:
        assert [each.row_id for each in outbox_doubts.attempts_in(connection, session.session_id, GROUP)] == [doubtful]


def test_a_file_that_could_not_be_uploaded_lets_others_by_and_is_tried_again_for_a_day(
    connections: Connections, session_id: str, session: LiveSession
) -> None:
    with connections.transaction() as connection:
        connection.execute(queues.update().values(paused=True))
    young, old = [add_send(connections, session_id, recipient=GROUP) for _ in range(2)]
    with connections.transaction() as connection:
        connection.execute(outbox.update().where(outbox.c.id == old).values(created_at=now_ms() - 25 * 3_600_000))
        found = connection.execute(sa.select(outbox).where(outbox.c.id.in_([young, old]))).all()
    for row in found:
        session.outbox._sender.finish_unsent(row, Unavailable("Os servidores de mídia não responderam"))
    assert (state_of(connections, young), state_of(connections, old)) == ("scheduled", "failed")
