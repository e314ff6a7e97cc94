"""The outbox's rows: which is next, and that every step is taken once."""

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus
from flashapi.connections import Connections
from flashapi.errors import NotRegistered, NoWorker, OutcomeUnknown
from flashapi.events import MessageStatus
from flashapi.models.base import now_ms
from flashapi.models.messages import messages
from flashapi.models.outbox import outbox, queues
from tests.workers.rows import add_send, add_session
from workers import outbox_rows as rows
from workers.early_receipts import EarlyReceipts
from workers.outbox_rows import Row
from workers.outbox_sent import mark_sent

CHAT = "5511987654321@s.whatsapp.net"


def head(connections: Connections, session_id: str) -> Row | None:
    with connections.reading() as connection:
        return rows.next_row(connection, session_id)


def state(connections: Connections, row: int) -> str:
    with connections.reading() as connection:
        return str(connection.execute(outbox.select().where(outbox.c.id == row)).one().state)


def test_direct_sends_go_first_then_priority_then_age(connections: Connections, session_id: str) -> None:
    old, important = add_send(connections, session_id), add_send(connections, session_id, priority=5)
    direct = add_send(connections, session_id, direct=True)
    add_send(connections, session_id, direct=True, due_at=now_ms() + 60_000)
    add_send(connections, add_session(connections), direct=True)  # another session's
    order = []
    while (row := head(connections, session_id)) is not None:
        order.append(row.id)
        assert rows.claim(connections, row, epoch=1, chat=CHAT)
    assert order == [direct, important, old]


def test_the_queue_counts_its_rows(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id, direct=True)
    first, *_ = [add_send(connections, session_id, delay_ms=delay) for delay in (300, 200, 100)]
    add_send(connections, session_id, due_at=now_ms() + 60_000)
    assert numbers(connections, session_id) == (3, 1, 0, 0, 600)
    direct = head(connections, session_id)
    assert direct is not None and rows.claim(connections, direct, epoch=1, chat=CHAT)
    row = head(connections, session_id)
    assert row is not None and row.id == first and rows.claim(connections, row, epoch=1, chat=CHAT)
    assert numbers(connections, session_id) == (2, 1, 1, 0, 300)
    rows.mark_uncertain(connections, row, 1, OutcomeUnknown())
    assert numbers(connections, session_id) == (2, 1, 0, 1, 300)


def numbers(connections: Connections, session_id: str) -> tuple[int, ...]:
    """queued, scheduled, sending, uncertain, and the delays of what is queued."""
    with connections.reading() as connection:
        row = connection.execute(queues.select().where(queues.c.session_id == session_id)).one()
    return row.queued, row.scheduled, row.sending, row.uncertain, row.delay_ms


def test_what_is_due_joins_the_line_in_its_place(connections: Connections, session_id: str) -> None:
    soon = add_send(connections, session_id, due_at=now_ms() + 3_000)
    later = add_send(connections, session_id, due_at=now_ms() + 60_000, priority=9)
    now = add_send(connections, session_id)
    rows.promote(connections, session_id, now_ms() + 5_000)
    assert [state(connections, row) for row in (soon, later, now)] == ["queued", "scheduled", "queued"]
    row = head(connections, session_id)
    assert row is not None and row.id == soon
    with connections.reading() as connection:
        due = rows.next_due(connection, session_id)
    assert due is not None and due > now_ms() + 50_000


def test_a_session_has_work_only_when_something_may_go(connections: Connections, session_id: str) -> None:
    def has_work() -> bool:
        with connections.reading() as connection:
            return session_id in rows.sessions_with_work(connection, [session_id], now_ms() + 2_000)

    assert not has_work()
    add_send(connections, session_id, due_at=now_ms() + 60_000)
    assert not has_work()
    add_send(connections, session_id, due_at=now_ms() + 1_000)
    assert has_work()
    rows.promote(connections, session_id, now_ms() + 2_000)
    with connections.transaction() as connection:
        connection.execute(queues.update().values(paused=True))
    assert not has_work()
    add_send(connections, session_id, direct=True)
    assert has_work()


def test_every_change_of_a_queued_row_is_told(connections: Connections, session_id: str) -> None:
    queued = send(connections, session_id, EarlyReceipts())
    direct = add_send(connections, session_id, direct=True)
    row = head(connections, session_id)
    assert row is not None and rows.claim(connections, row, epoch=1, chat=CHAT)
    rows.mark_failed(connections, row, 1, NotRegistered())
    with connections.reading() as connection:
        told = [event.data for event in bus.after(connection, 0, 100, session_id) if event.name == "queue_update"]
    assert [(one["id"], one["state"]) for one in told] == [
        (str(queued.id), "queued"), (str(queued.id), "sending"), (str(queued.id), "sent"), (str(direct), "failed"),
    ]  # fmt: skip
    assert told[2]["messageId"] == "3EB0A" and told[2]["chat"] == CHAT
    assert told[3]["error"]["code"] == "not_registered"


def test_a_row_is_claimed_once(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    row = head(connections, session_id)
    assert row is not None
    assert rows.claim(connections, row, epoch=1, chat=CHAT)
    assert not rows.claim(connections, row, epoch=2, chat=CHAT)


def test_rows_a_dead_owner_was_sending_become_uncertain(connections: Connections, session_id: str) -> None:
    number = add_send(connections, session_id)
    waiting = add_send(connections, session_id)
    row = head(connections, session_id)
    assert row is not None and rows.claim(connections, row, epoch=1, chat=CHAT)
    assert rows.recover(connections, [session_id], epoch=1) == 0  # its own
    assert rows.recover(connections, [session_id], epoch=2) == 1
    assert state(connections, number) == "uncertain"
    assert state(connections, waiting) == "queued"
    outcome = rows.outcomes(connections, session_id, [number, waiting])
    assert list(outcome) == [number]
    assert isinstance(outcome[number], OutcomeUnknown)
    assert outcome[number].details["reference"] == str(number)  # type: ignore[union-attr]


def test_a_paused_owner_can_no_longer_give_its_row_back(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    row = head(connections, session_id)
    assert row is not None and rows.claim(connections, row, epoch=1, chat=CHAT)
    rows.recover(connections, [session_id], epoch=2)
    assert not rows.unclaim(connections, row, epoch=1)
    assert not rows.mark_failed(connections, row, 1, NotRegistered())
    assert state(connections, row.id) == "uncertain"


def test_failures_are_told_as_they_were(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id, direct=True)
    row = head(connections, session_id)
    assert row is not None
    rows.mark_failed(connections, row, 1, NotRegistered("O número 1 não existe", field="to"))
    (outcome,) = rows.outcomes(connections, session_id, [row.id]).values()
    assert isinstance(outcome, NotRegistered)
    assert (outcome.message, outcome.details) == ("O número 1 não existe", {"field": "to"})


def test_a_cancelled_row_was_not_done(connections: Connections, session_id: str) -> None:
    row = add_send(connections, session_id, state="cancelled")
    assert isinstance(rows.outcomes(connections, session_id, [row])[row], NoWorker)


def test_a_sent_row_is_a_message_and_an_event_in_one(connections: Connections, session_id: str) -> None:
    sent = send(connections, session_id, EarlyReceipts())
    assert rows.outcomes(connections, session_id, [sent.id])[sent.id] == {
        "row": sent.id,
        "chat": "5511987654321@s.whatsapp.net",
        "message_id": "3EB0A",
        "timestamp": 1_795_000_000,
    }
    with connections.reading() as connection:
        message = connection.execute(messages.select()).one()
    assert (message.message_id, message.from_me, message.status) == ("3EB0A", True, "sent")
    assert Message.FromString(message.raw).conversation == "oi"


def test_a_receipt_faster_than_the_send_is_not_forgotten(connections: Connections, session_id: str) -> None:
    from workers.journal import Entry, Segment

    early = EarlyReceipts()
    receipt = Entry(session_id, 18, b"", Segment.__new__(Segment))
    assert early.note(receipt, "3EB0A", MessageStatus.DELIVERED)
    send(connections, session_id, early)
    with connections.reading() as connection:
        assert connection.execute(messages.select()).one().status == "delivered"
    assert early.known(session_id, "3EB0A") is None


def send(connections: Connections, session_id: str, early: EarlyReceipts) -> Row:
    add_send(connections, session_id)
    row = head(connections, session_id)
    assert row is not None and rows.claim(connections, row, epoch=1, chat=CHAT)
    mark_sent(
        connections,
        early,
        row,
        chat=CHAT,
        sender="5511900000001@s.whatsapp.net",
        message_id="3EB0A",
        timestamp=1_795_000_000,
        message=Message(conversation="oi"),
    )
    return row
