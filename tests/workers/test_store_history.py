"""A phone's history in the tables: in short transactions, told once and whole, whatever comes between."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.chats import chats
from flashapi.models.messages import messages
from flashapi.models.sessions import Wanted, sessions
from tests.workers.test_from_whatsapp import received
from workers import history_messages, store_history
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import Journal
from workers.message_rows import insert_message

CHATS = tuple(f"55119876500{number:02}@s.whatsapp.net" for number in range(5))


def history(count: int, first: int = 0, group: str | None = None) -> bytes:
    """So many messages, dealt to the chats in turn; in each chat the newest first, as WhatsApp sends them."""
    sync = wire.HistorySync()
    for index, jid in enumerate((group,) if group else CHATS):
        conversation = sync.Data.conversations.add(ID=jid, name=f"Chat {index}")
        numbers = range(first, first + count) if group else range(first + index, first + count, len(CHATS))
        for number in reversed(numbers):
            item = conversation.messages.add().message
            item.key.ID, item.key.remoteJID, item.key.fromMe = f"H{number}", jid, number % 7 == 0
            item.messageTimestamp = 1_700_000_000 + number
            item.message.CopyFrom(Message(conversation=f"texto {number}"))
            if group:
                item.participant = CHATS[number % len(CHATS)]
    return bytes(sync.SerializePartialToString())


def told(connections: Connections, session_id: str) -> list[Any]:
    with connections.reading() as connection:
        found = bus.after(connection, 0, 1_000, session_id)
    return [event.data for event in found if event.name == "messaging_history_set"]


def stored_ids(connections: Connections) -> Counter[str]:
    with connections.reading() as connection:
        return Counter(connection.scalars(sa.select(messages.c.message_id)))


class RowsOfTransactions:
    """How many messages each transaction of an engine writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.counts = [0]
        sa.event.listen(engine, "after_cursor_execute", self._count)
        sa.event.listen(engine, "commit", lambda _: self.counts.append(0))

    def _count(self, _: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("INSERT INTO messages"):
            self.counts[-1] += cursor.rowcount


def test_a_history_is_stored_in_short_transactions_and_told_once(connections: Connections, session_id: str) -> None:
    written = RowsOfTransactions(connections.engine)
    raw = history(250)
    recorded = store_history.store(connections, session_id, raw)
    assert [count for count in written.counts if count] == [50, 100, 100]
    (event,) = told(connections, session_id)
    assert [each.data for each in recorded] == [event]
    assert event["stored"] == 250
    assert [each["key"]["id"] for each in event["messages"]] == [f"H{number}" for number in range(150, 250)]
    assert [each["id"] for each in event["chats"]] == list(CHATS)
    assert store_history.store(connections, session_id, raw) == []
    assert set(stored_ids(connections).values()) == {1}


def test_a_half_stored_history_is_finished_and_told(
    connections: Connections, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    insert, calls = history_messages.insert, iter(range(10))

    def dies_in_the_third(*arguments: Any) -> Any:
        inserted = insert(*arguments)
        if next(calls) == 2:
            raise Killed
        return inserted

    with monkeypatch.context() as dying:
        dying.setattr(history_messages, "insert", dies_in_the_third)
        with pytest.raises(Killed):
            store_history.store(connections, session_id, history(250))
    assert stored_ids(connections).total() == 150
    assert told(connections, session_id) == []
    for _ in range(2):
        store_history.store(connections, session_id, history(250))
    (event,) = told(connections, session_id)
    assert [each["key"]["id"] for each in event["messages"]] == [f"H{number}" for number in range(150, 250)]
    assert [each["id"] for each in event["chats"]] == list(CHATS)
    assert stored_ids(connections) == Counter(f"H{number}" for number in range(250))


def test_a_commit_whose_answer_gets_lost_tells_once(
    connections: Connections, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn, lost = store_history._Storing._in_turn, iter([True])

    def loses_an_answer(self: Any, work: Any, *arguments: Any) -> Any:
        done = in_turn(self, work, *arguments)
        if work == self._finish and next(lost, False):
            return in_turn(self, work, *arguments)  # as one does who doesn't know
        return done

    monkeypatch.setattr(store_history._Storing, "_in_turn", loses_an_answer)
    store_history.store(connections, session_id, history(250))
    assert [event["stored"] for event in told(connections, session_id)] == [250]


def test_an_older_piece_tells_of_what_is_new_in_it(connections: Connections, session_id: str) -> None:
    store_history.store(connections, session_id, history(20, first=10))
    store_history.store(connections, session_id, history(20))
    newer, older = told(connections, session_id)
    assert (newer["stored"], older["stored"], older["chats"]) == (20, 10, [])
    with connections.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(chats)) == len(CHATS)


def test_what_could_not_be_read_is_recovered_and_own_sends_are_known(
    connections: Connections, session_id: str
) -> None:
    def seen(message_id: str, chat: str, **columns: Any) -> None:
        row = {"chat": chat, "message_id": message_id, "is_group": False, "raw": b"", "timestamp": 1} | columns
        with connections.transaction() as connection:
            insert_message(connection, session_id, content="{}", **row)

    seen("H0", CHATS[0], sender="1001@lid", from_me=True, type="conversation", status="sent")
    seen("H1", CHATS[1], sender=CHATS[1], from_me=False, type="undecryptable", status="received")
    store_history.store(connections, session_id, history(3))
    (event,) = told(connections, session_id)
    assert [each["key"]["id"] for each in event["messages"]] == ["H1", "H2"]
    with connections.reading() as connection:
        types = dict(connection.execute(sa.select(messages.c.message_id, messages.c.type)).all())
    assert types == dict.fromkeys(("H0", "H1", "H2"), "conversation")


def test_a_group_names_its_writers_and_may_be_ignored(connections: Connections, session_id: str) -> None:
    group = "120363000000000001@g.us"
    with connections.transaction() as connection:
        connection.execute(sessions.update().values(ignore_groups=True))
    assert store_history.store(connections, session_id, history(3, group=group)) == []
    with connections.transaction() as connection:
        connection.execute(sessions.update().values(ignore_groups=False, phone="5511900000001"))
    store_history.store(connections, session_id, history(3, group=group))
    with connections.reading() as connection:
        senders = list(connection.scalars(sa.select(messages.c.sender).order_by(messages.c.timestamp)))
    assert senders == ["5511900000001@s.whatsapp.net", CHATS[1], CHATS[2]]


def test_a_session_deleted_meanwhile_gets_nothing(connections: Connections, session_id: str) -> None:
    with connections.transaction() as connection:
        connection.execute(sessions.update().values(wanted=Wanted.DELETED))
    assert store_history.store(connections, session_id, history(3)) == []
    assert stored_ids(connections).total() == 0


def test_the_line_keeps_the_order_around_a_history(connections: Connections, session_id: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    inbound = Inbound(connections, journal)
    text = received(Message(conversation="oi"))
    for kind, raw in ((wire.HistorySync, b"\xff no protobuf"), (wire.HistorySync, history(3)), (wire.Message, text)):
        inbound.receive(session_id, CODES[kind], raw)
    inbound.close(20)
    journal.close()
    with connections.reading() as connection:
        names = [event.name for event in bus.after(connection, 0, 1_000, session_id)]
    assert names[:2] == ["messaging_history_set", "message_received"]
    assert b"\xff no protobuf" in (tmp_path / "journal" / "unreadable.seg").read_bytes()
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["unreadable.seg"]
