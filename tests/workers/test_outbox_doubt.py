"""What becomes of sends of which nobody knows whether they left: policies, receipts; on both databases."""

from dataclasses import replace

import pytest
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import outbox_doubts, outbox_states
from flashapi.connections import Connections
from flashapi.errors import NotRegistered, OutcomeUnknown
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, doubts, outbox, queues
from tests.workers.rows import add_send
from tests.workers.test_from_whatsapp import PHONE
from workers import outbox_retention
from workers import outbox_rows as rows
from workers.clients import CODES
from workers.early_receipts import EarlyReceipts
from workers.journal import Entry, Segment
from workers.outbox_rows import Row
from workers.outbox_sent import mark_sent, settle_by_receipt
from workers.store_inbound import store_entry

CHAT = "5511987654321@s.whatsapp.net"


def claimed(connections: Connections, session_id: str, epoch: int = 1) -> Row:
    """The head of the line, being sent."""
    with connections.reading() as connection:
        row = rows.next_row(connection, session_id)
    assert row is not None and rows.claim(connections, row, epoch, CHAT)
    return row


def doubt(connections: Connections, session_id: str) -> int:
    """A row of which nobody knows whether it left."""
    number = add_send(connections, session_id)
    rows.mark_uncertain(connections, claimed(connections, session_id), 1, OutcomeUnknown())
    return number


def state(connections: Connections, row: int) -> str:
    with connections.reading() as connection:
        return str(connection.execute(outbox.select().where(outbox.c.id == row)).one().state)


def uncertain(connections: Connections) -> int:
    with connections.reading() as connection:
        return int(connection.execute(queues.select()).one().uncertain)


def settle(
    connections: Connections,
    session_id: str,
    *,
    chat: str = CHAT,
    message_id: str = "3EB0B",
    moment_ms: int = 0,
) -> int:
    """A receipt for an unknown id; how many sends it settled."""
    with connections.transaction() as connection:
        told = settle_by_receipt(connection, session_id, message_id, chat, moment_ms or now_ms())
    return len(told)


@pytest.fixture
def resending(connections: Connections, session_id: str) -> str:
    """A session whose policy is to send again."""
    add_send(connections, session_id, direct=False)
    with connections.transaction() as connection:
        connection.execute(queues.update().values(settings='{"policy": "resend"}'))
    return session_id


def test_where_the_policy_is_to_resend_queued_rows_are_sent_again(connections: Connections, resending: str) -> None:
    direct = add_send(connections, resending, direct=True)
    assert claimed(connections, resending).id == direct
    queued = claimed(connections, resending)
    assert rows.recover(connections, [resending], epoch=2) == 2
    assert state(connections, direct) == "uncertain"  # its caller was told so
    assert claimed(connections, resending, epoch=2).id == queued.id


def test_a_row_is_sent_again_only_so_often(connections: Connections, resending: str) -> None:
    for epoch in range(1, rows.RESENT_AT_MOST + 1):
        row = claimed(connections, resending, epoch)
        rows.recover(connections, [resending], epoch + 1)
    assert state(connections, row.id) == "uncertain"


def test_an_unknown_outcome_is_sent_again_too(connections: Connections, resending: str) -> None:
    row = claimed(connections, resending)
    policy = rows.Policy.RESEND
    assert rows.mark_uncertain(connections, row, 1, OutcomeUnknown(), policy)
    assert state(connections, row.id) == "queued"


def begun(connections: Connections, row: int, ago_ms: int) -> None:
    """Have this send's attempts in doubt begun so long ago."""
    with connections.transaction() as connection:
        moment = now_ms() - ago_ms
        connection.execute(outbox.update().where(outbox.c.id == row).values(sending_at=moment))
        connection.execute(doubts.update().where(doubts.c.row_id == row).values(began_at=moment))


def sent(connections: Connections, row: Row, message_id: str) -> None:
    """WhatsApp has taken it."""
    mark_sent(
        connections, EarlyReceipts(), row, chat=CHAT, sender="5511900000001@s.whatsapp.net", message_id=message_id,
        timestamp=now_ms() // 1_000, message=Message(conversation="oi"),
    )  # fmt: skip


def test_a_receipt_settles_the_doubt_of_its_time_and_chat_once(connections: Connections, session_id: str) -> None:
    doubtful = [doubt(connections, session_id) for _ in range(2)]
    for number, ago in zip(doubtful, (9_000, 3_000), strict=True):
        begun(connections, number, ago)
    assert uncertain(connections) == 2
    assert not settle(connections, session_id, chat="5511900000009@s.whatsapp.net")
    assert not settle(connections, session_id, moment_ms=now_ms() - 60_000)
    assert not settle(connections, session_id, message_id="A1B2")  # a phone's own
    assert settle(connections, session_id, moment_ms=now_ms() - 7_000)
    assert not settle(connections, session_id)  # once more
    assert [state(connections, row) for row in doubtful] == ["sent", "uncertain"]
    assert uncertain(connections) == 1


def delivered(session_id: str, message_id: str, moment_ms: int) -> Entry:
    """The chat's phone tells that it has got this message."""
    source = wire.MessageSource(Chat=PHONE, Sender=PHONE, IsFromMe=False, IsGroup=False)
    receipt = wire.Receipt(
        MessageSource=source, MessageIDs=[message_id], Type=wire.Receipt.DELIVERED, Timestamp=moment_ms // 1_000
    )
    return Entry(session_id, CODES[wire.Receipt], receipt.SerializePartialToString(), Segment.__new__(Segment))


def test_of_several_nothing_is_said_until_it_is_certain(connections: Connections, session_id: str) -> None:
    """A phone that was away tells of all at once: with one receipt for two nobody knows which, with two both are."""
    doubtful = [doubt(connections, session_id) for _ in range(2)]
    assert not settle(connections, session_id, message_id="3EB01")
    assert [state(connections, row) for row in doubtful] == ["uncertain", "uncertain"]
    assert settle(connections, session_id, message_id="3EB02")
    with connections.reading() as connection:
        rows_of = connection.execute(outbox.select().order_by(outbox.c.id)).all()
    assert [(row.state, row.message_id) for row in rows_of] == [("sent", "3EB01"), ("sent", "3EB02")]


def test_a_resend_is_not_taken_off_by_the_receipt_of_an_earlier_one(connections: Connections, resending: str) -> None:
    """The first went out twice, first under an id that nobody knows; the second was claimed and never left."""
    other = add_send(connections, resending)
    first = claimed(connections, resending)
    rows.recover(connections, [resending], 2)
    again = claimed(connections, resending, epoch=2)
    assert again.id == first.id
    sent(connections, again, "3EB0Y")
    assert claimed(connections, resending, epoch=2).id == other
    rows.recover(connections, [resending], 3)
    assert not settle(connections, resending, message_id="3EB0X")
    assert state(connections, other) == "queued"
    assert settle(connections, resending, message_id="3EB0Z")  # a second one: both attempts left
    assert state(connections, other) == "sent"


def test_a_retry_leaves_an_attempt_that_settles_nothing_else(connections: Connections, session_id: str) -> None:
    """With `hold`: what its owner has sent again may come twice, and only one receipt is the other send's."""
    first = doubt(connections, session_id)
    with outbox_states.changing(connections) as (connection, changes):  # as the API does
        outbox_states.move(
            connection, changes, session_id, [outbox.c.id == first], [SendState.UNCERTAIN], SendState.QUEUED,
            attempts=0, sending_at=None,
        )  # fmt: skip
    sent(connections, claimed(connections, session_id), "3EB0Y")
    other = doubt(connections, session_id)
    assert not settle(connections, session_id, message_id="3EB0X")
    assert state(connections, other) == "uncertain"


def test_what_a_later_message_has_passed_is_out_of_question(connections: Connections, session_id: str) -> None:
    """Phones get a chat's messages in order: an attempt of which they had told nothing by then never left."""
    lost = doubt(connections, session_id)
    begun(connections, lost, 30_000)
    add_send(connections, session_id)
    between = claimed(connections, session_id)
    sent(connections, between, "3EB0Y")
    begun(connections, between.id, 20_000)
    with connections.transaction() as connection:
        store_entry(connection, EarlyReceipts(), delivered(session_id, "3EB0Y", now_ms() - 19_000))
    other = doubt(connections, session_id)
    assert settle(connections, session_id)
    assert [state(connections, row) for row in (lost, other)] == ["uncertain", "sent"]


def test_a_receipt_cancels_a_resend_that_has_not_gone(connections: Connections, resending: str) -> None:
    row = claimed(connections, resending)
    rows.recover(connections, [resending], 2)
    assert state(connections, row.id) == "queued"
    assert settle(connections, resending)
    assert state(connections, row.id) == "sent"


def test_a_receipt_does_not_touch_what_was_never_begun(connections: Connections, resending: str) -> None:
    row = claimed(connections, resending)
    rows.unclaim(connections, row, 1)
    assert not settle(connections, resending)
    assert state(connections, row.id) == "queued"


def test_only_news_of_an_arrival_settles(connections: Connections, session_id: str) -> None:
    """What is read may be a message of long ago that is stored no more; what we have read is somebody else's."""
    number = doubt(connections, session_id)
    for kind in (wire.Receipt.READ, wire.Receipt.READ_SELF):
        entry = delivered(session_id, f"3EB0{kind}", now_ms())
        receipt = wire.Receipt.FromString(entry.raw)
        receipt.Type = kind
        with connections.transaction() as connection:
            store_entry(connection, EarlyReceipts(), replace(entry, raw=receipt.SerializePartialToString()))
        assert state(connections, number) == "uncertain"
    with connections.transaction() as connection:
        store_entry(connection, EarlyReceipts(), delivered(session_id, "3EB0A", now_ms()))
    assert state(connections, number) == "sent"


def test_a_late_ack_takes_its_attempt_out_of_doubt(connections: Connections, session_id: str) -> None:
    """Of a paused process. Written down twice, as after a lost commit, it changes nothing more."""
    add_send(connections, session_id)
    row = claimed(connections, session_id)
    rows.recover(connections, [session_id], 2)
    for _ in range(2):
        sent(connections, row, "3EB0X")
    assert state(connections, row.id) == "sent"
    other = doubt(connections, session_id)
    assert settle(connections, session_id, message_id="3EB0Y")
    assert state(connections, other) == "sent"


def test_what_has_been_sending_for_too_long_is_in_doubt(connections: Connections, session_id: str) -> None:
    number = add_send(connections, session_id)
    claimed(connections, session_id, epoch=7)
    assert rows.recover(connections, [session_id], 7) == 0
    with connections.transaction() as connection:
        connection.execute(outbox.update().values(sending_at=now_ms() - rows.ABANDONED_MS - 1))
    assert rows.recover(connections, [session_id], 7) == 1
    assert state(connections, number) == "uncertain"


def test_a_resend_that_is_refused_may_have_come_before(connections: Connections, resending: str) -> None:
    row = claimed(connections, resending)
    rows.recover(connections, [resending], 2)
    again = claimed(connections, resending, epoch=2)
    assert rows.mark_failed(connections, again, 2, NotRegistered())
    assert state(connections, row.id) == "uncertain"
    assert settle(connections, resending)
    assert state(connections, row.id) == "sent"


def test_what_is_long_past_is_forgotten_with_its_sends(connections: Connections, session_id: str) -> None:
    kept, gone = doubt(connections, session_id), doubt(connections, session_id)
    settle(connections, session_id)
    with connections.transaction() as connection:
        connection.execute(outbox.delete().where(outbox.c.id == gone))
    outbox_retention.trim(connections, 1)
    with connections.reading() as connection:
        assert len(outbox_doubts.receipts_in(connection, session_id, CHAT)) == 1
    outbox_retention.trim(connections, -1)
    with connections.reading() as connection:
        assert [one.row_id for one in outbox_doubts.attempts_in(connection, session_id, CHAT)] == [kept]
        assert outbox_doubts.receipts_in(connection, session_id, CHAT) == []
