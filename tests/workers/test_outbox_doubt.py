"""What becomes of sends of which nobody knows whether they left: policies, receipts; on both databases."""

import pytest

from flashapi.connections import Connections
from flashapi.errors import OutcomeUnknown
from flashapi.models.base import now_ms
from flashapi.models.outbox import outbox, queues
from tests.workers.rows import add_send
from workers import outbox_rows as rows
from workers.early_receipts import EarlyReceipts
from workers.outbox_rows import Row
from workers.outbox_sent import settle_by_receipt, settle_put_aside

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
    early: EarlyReceipts | None = None,
    *,
    chat: str = CHAT,
    message_id: str = "3EB0B",
    moment_ms: int = 0,
) -> int:
    """A receipt for an unknown id; how many sends it settled."""
    with connections.transaction() as connection:
        told = settle_by_receipt(
            connection, early or EarlyReceipts(), session_id, message_id, chat, moment_ms or now_ms()
        )
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


def test_a_receipt_settles_the_doubt_of_its_time_and_chat_once(connections: Connections, session_id: str) -> None:
    doubtful = [doubt(connections, session_id) for _ in range(3)]
    began = now_ms()
    with connections.transaction() as connection:
        for number, ago in zip(doubtful, (9_000, 6_000, 3_000), strict=True):
            connection.execute(outbox.update().where(outbox.c.id == number).values(sending_at=began - ago))
    assert uncertain(connections) == 3
    assert not settle(connections, session_id, chat="5511900000009@s.whatsapp.net")
    assert not settle(connections, session_id, moment_ms=now_ms() - 60_000)
    assert not settle(connections, session_id, message_id="A1B2")  # a phone's own
    assert settle(connections, session_id, moment_ms=began - 5_000)
    assert not settle(connections, session_id)  # read, after delivered
    assert [state(connections, row) for row in doubtful] == ["uncertain", "sent", "uncertain"]
    assert uncertain(connections) == 2


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


def test_a_receipt_beside_a_send_in_flight_waits_until_that_is_known(connections: Connections, session_id: str) -> None:
    early = EarlyReceipts()
    number = doubt(connections, session_id)
    add_send(connections, session_id)
    row = claimed(connections, session_id)
    assert not settle(connections, session_id, early)
    assert early.unclaimed(session_id, CHAT, now_ms() - 5_000) == "3EB0B"
    assert early.unclaimed(session_id, CHAT, now_ms() + 5_000) is None
    rows.unclaim(connections, row, 1)
    settle_put_aside(connections, early, [session_id])
    assert state(connections, number) == "sent"


def test_what_has_been_sending_for_too_long_is_in_doubt(connections: Connections, session_id: str) -> None:
    number = add_send(connections, session_id)
    claimed(connections, session_id, epoch=7)
    assert rows.recover(connections, [session_id], 7) == 0
    with connections.transaction() as connection:
        connection.execute(outbox.update().values(sending_at=now_ms() - rows.ABANDONED_MS - 1))
    assert rows.recover(connections, [session_id], 7) == 1
    assert state(connections, number) == "uncertain"
