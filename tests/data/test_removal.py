"""A deleted session leaves nothing behind, in parts that hold nobody up, and takes nothing from anybody else."""

from typing import Any

import pytest
import sqlalchemy as sa

from flashapi import cleaning, removal
from flashapi.connections import Connections
from flashapi.models import metadata
from flashapi.models.chats import calls, chats, poll_votes
from flashapi.models.contacts import contacts, known_people
from flashapi.models.events import GLOBAL, attempts, deliveries, endpoints, events
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.outbox import doubts, idempotency_keys, outbox, queues, stray_receipts
from flashapi.models.sessions import sessions
from tests.support.facts import Session, add_endpoint, add_session, happen
from workers import webhook_rows
from workers.webhook_rows import Way

ROWS = 8
_TIMES = {"created_at": 1, "updated_at": 1}


def rows_of(session_id: str, number: int) -> dict[sa.Table, dict[str, Any]]:
    name = f"{number}@s.whatsapp.net"
    of_it = {
        messages: {"chat": name, "sender": name, "message_id": "M", "from_me": False, "type": "conversation",
                   "content": "{}", "raw": b"", "status": "received", "timestamp": 1, "created_at": 1},
        outbox: {"action": "send_text", "recipient": name, "payload": "{}", "created_at": 1},
        poll_votes: {"poll_id": "P", "voter": name, "options": [], "voted_at": 1},
        calls: {"call_id": name, "caller": name, "status": "offer", "created_at": 1},
        chats: {"jid": name, **_TIMES},
        contacts: {"jid": name, **_TIMES},
        doubts: {"row_id": number, "chat": name, "began_at": 1},
        stray_receipts: {"message_id": name, "chat": name, "moment": 1},
        known_people: {"jid": name, "lid": name},
        groups: {"jid": name, "subject": "s", "participants": [], **_TIMES},
        idempotency_keys: {"route": "/r", "key": name, "request_hash": "h", "created_at": 1},
    }  # fmt: skip
    return {table: {"session_id": session_id, **row} for table, row in of_it.items()}


def fill(connections: Connections, session: Session) -> int:
    """Rows in every table; the number of an endpoint of its own, with deliveries that wait."""
    own = add_endpoint(connections, session.id, "http://127.0.0.1/")
    with connections.transaction() as connection:
        connection.execute(queues.insert(), {"session_id": session.id})
        for number in range(ROWS):
            for table, row in rows_of(session.id, number).items():
                connection.execute(table.insert(), row)
    for _ in range(ROWS):
        happen(connections, session, told=False)
    with connections.transaction() as connection:
        ids = list(connection.scalars(sa.select(deliveries.c.id).where(deliveries.c.endpoint_id == own)))
        connection.execute(attempts.insert(), [{"delivery_id": each, "at": 1, "duration_ms": 1} for each in ids])
        cleaning.bury(connection, session.id)
    return own


def counts(connections: Connections) -> dict[str, int]:
    """How many rows each table of a session's has."""
    with connections.reading() as connection:
        found = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
    return {name: count for name, count in found.items() if name not in ("installation", "numbers")}


@pytest.fixture
def gone(connections: Connections) -> Session:
    return add_session(connections, "sessao-apagada")


def test_every_row_goes_in_parts(connections: Connections, gone: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "BATCH", 3)
    fill(connections, gone)
    assert min(counts(connections).values()) > 0  # a table that is new here needs rows in `fill`
    deleted: list[int] = []

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("DELETE"):
            deleted.append(cursor.rowcount)

    sa.event.listen(connections.engine, "after_cursor_execute", note)
    removal.remove_session(connections, gone.id)
    assert set(counts(connections).values()) == {0}
    assert max(deleted) == 3


def test_another_session_keeps_its_rows(connections: Connections, gone: Session) -> None:
    other = add_session(connections, "sessao-viva")
    fill(connections, other)
    before = counts(connections)
    fill(connections, gone)
    removal.remove_session(connections, gone.id)
    assert counts(connections) == before | {"sessions": 1}


def test_a_removal_cut_off_is_done_again(
    connections: Connections, gone: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    def dies(*_: Any) -> None:
        raise Killed

    fill(connections, gone)
    with monkeypatch.context() as dying:
        dying.setattr(removal, "_remove_keys", dies)
        with pytest.raises(Killed):
            removal.remove_session(connections, gone.id)
    left = counts(connections)
    assert (left["messages"], left["idempotency_keys"], left["sessions"]) == (0, ROWS, 1)
    with connections.reading() as connection:
        row = connection.execute(sa.select(sessions.c.wanted, sessions.c.paired)).one()
    assert (row.wanted, row.paired) == ("deleted", False)  # its next owner goes on, and needs no device for that
    removal.remove_session(connections, gone.id)
    assert set(counts(connections).values()) == {0}


def state(connections: Connections, position: int, value: str) -> None:
    with connections.transaction() as connection:
        changed = {"state": value, "finished_at": 1 if value in ("delivered", "dead") else None}
        connection.execute(deliveries.update().where(deliveries.c.position == position).values(changed))


def test_what_a_global_endpoint_still_has_to_deliver_stays_until_it_has(
    connections: Connections, gone: Session
) -> None:
    everybodys = add_endpoint(connections, GLOBAL, "http://127.0.0.1/")
    own = fill(connections, gone)
    with connections.reading() as connection:
        positions = list(connection.scalars(sa.select(events.c.position).order_by(events.c.position)))
    delivered, dead, slow, *waiting = positions
    for position, value in ((delivered, "delivered"), (dead, "dead"), (slow, "slow")):
        state(connections, position, value)
    removal.remove_session(connections, gone.id)
    with connections.reading() as connection:
        left = connection.execute(sa.select(deliveries).order_by(deliveries.c.id)).all()
        kept = list(connection.scalars(sa.select(events.c.position).order_by(events.c.position)))
        assert connection.execute(sa.select(endpoints.c.id)).scalars().all() == [everybodys]
    assert {each.endpoint_id for each in left} == {everybodys} != {own}
    assert [each.position for each in left] == [dead, slow, *waiting]
    assert kept == [slow, *waiting]
    head = webhook_rows.head_of(connections, everybodys, Way.LINE)
    assert head is not None and head.event is not None and head.event.session_name == gone.name
    for position in waiting[1:]:
        state(connections, position, "delivered")
    state(connections, slow, "dead")
    removal.remove_left_behind(connections)
    assert counts(connections)["events"] == 1 + len(waiting)  # not at once
    removal.remove_left_behind(connections, kept_ms=-1_000)
    with connections.reading() as connection:
        assert list(connection.scalars(sa.select(events.c.position))) == [waiting[0]]
        assert list(connection.scalars(sa.select(deliveries.c.position))) == [dead, slow, waiting[0]]


def test_nothing_of_a_session_that_lives_is_left_behind(connections: Connections, gone: Session) -> None:
    happen(connections, gone, told=False)
    happen(connections, Session(GLOBAL, GLOBAL, ""), told=False)
    removal.remove_left_behind(connections, kept_ms=-1_000)
    assert counts(connections)["events"] == 2
