"""When a queued send may begin: caps, quiet hours, strangers, restrictions; on both databases."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from flashapi import bus
from flashapi.connections import Connections
from flashapi.errors import NotRegistered
from flashapi.models.base import now_ms
from flashapi.models.outbox import outbox, priority_of, queues
from flashapi.queue_settings import Pacing, QueueSettings, from_json, to_json
from tests.workers.rows import add_send
from workers import outbox_rows as rows
from workers.message_rows import insert_message
from workers.outbox_pacing import NEVER, Pace, open_again, quiet_until
from workers.outbox_restrictions import FIRST_MS, restrict
from workers.outbox_rows import Queue, Row
from workers.outbox_strangers import has_messages, rejoin, set_aside

HOUR_MS = 3_600_000
ZONE = "America/Sao_Paulo"
CHAT = "5511987654321@s.whatsapp.net"


def at(clock: str) -> int:
    """A moment of one day, in ms."""
    return int(datetime.fromisoformat(f"2026-11-25T{clock}").replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1_000)


@pytest.mark.parametrize(
    "hours, clock, ends",
    [
        (("22:00", "08:00"), "21:59:59", None),
        (("22:00", "08:00"), "22:00:00", "2026-11-26T08:00"),
        (("22:00", "08:00"), "03:30:00", "2026-11-25T08:00"),
        (("22:00", "08:00"), "08:00:00", None),
        (("12:00", "14:00"), "13:00:00", "2026-11-25T14:00"),
        (("12:00", "14:00"), "14:00:00", None),
        (("12:00", "12:00"), "12:00:00", None),
    ],
)
def test_quiet_hours(hours: tuple[str, str], clock: str, ends: str | None) -> None:
    until = quiet_until(hours, ZONE, at(clock))
    shown = datetime.fromtimestamp(until / 1_000, ZoneInfo(ZONE)).strftime("%Y-%m-%dT%H:%M") if until else None
    assert shown == ends


def test_a_cap_opens_again_when_its_oldest_send_leaves_the_window(connections: Connections, session_id: str) -> None:
    began = now_ms()
    for _ in range(3):
        add_send(connections, session_id)
        with connections.reading() as connection:
            row = rows.next_row(connection, session_id)
        assert row is not None and rows.claim(connections, row, 1, CHAT)
    ended = now_ms()
    with connections.reading() as connection:
        assert open_again(connection, session_id, Pacing(per_minute=4), ZONE, now_ms()) == 0
        until = open_again(connection, session_id, Pacing(per_minute=3, per_hour=100), ZONE, now_ms())
        assert began + 60_000 <= until <= ended + 60_000
        assert open_again(connection, session_id, Pacing(per_hour=3), ZONE, now_ms()) >= began + 3_600_000
        assert open_again(connection, session_id, Pacing(per_minute=3), ZONE, ended + 60_001) == 0


def test_a_send_that_did_not_leave_does_not_count(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    with connections.reading() as connection:
        row = rows.next_row(connection, session_id)
    assert row is not None and rows.claim(connections, row, 1, CHAT) and rows.unclaim(connections, row, 1)
    with connections.reading() as connection:
        assert open_again(connection, session_id, Pacing(per_minute=1), ZONE, now_ms()) == 0
    assert rows.claim(connections, row, 1, CHAT)
    assert rows.mark_failed(connections, row, 1, NotRegistered(), counts=False)
    with connections.reading() as connection:
        assert open_again(connection, session_id, Pacing(per_minute=1), ZONE, now_ms()) == 0


def test_a_long_delay_goes_on_while_strangers_have_their_turn(connections: Connections, session_id: str) -> None:
    stranger = add_send(connections, session_id)
    set_aside(connections, head(connections, session_id), CHAT)
    add_send(connections, session_id, delay_ms=120_000)
    delayed = head(connections, session_id, strangers=False)
    pace = Pace(connections, session_id, ZONE)
    begins = pace.turn_of(delayed, Queue())
    assert head(connections, session_id).id == stranger
    pace.turn_of(head(connections, session_id), Queue())
    assert pace.turn_of(delayed, Queue()) == begins


def test_a_clock_set_back_stops_nothing(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    with connections.reading() as connection:
        row = rows.next_row(connection, session_id)
    assert row is not None and rows.claim(connections, row, 1, CHAT)
    with connections.transaction() as connection:
        connection.execute(outbox.update().values(sending_at=now_ms() + 86_400_000))
    with connections.reading() as connection:
        assert rows.last_start(connection, session_id) is None
        assert open_again(connection, session_id, Pacing(per_minute=1, per_day=1), ZONE, now_ms()) == 0


def test_a_chat_is_known_by_who_has_written_in_it(connections: Connections, session_id: str) -> None:
    with connections.transaction() as connection:
        insert_message(
            connection, session_id, chat=CHAT, sender="me", message_id="A", from_me=True,
            type="conversation", content="{}", raw=b"", status="sent", timestamp=1,
        )  # fmt: skip
    with connections.reading() as connection:
        assert has_messages(connection, session_id, CHAT, from_me=True)
        assert not has_messages(connection, session_id, CHAT, from_me=False)


def head(connections: Connections, session_id: str, *, strangers: bool = True) -> Row:
    with connections.reading() as connection:
        row = rows.next_row(connection, session_id, strangers=strangers)
    assert row is not None
    return row


def test_new_settings_hold_at_once(connections: Connections, session_id: str) -> None:
    def gap(ms: int) -> Queue:
        return Queue(settings=QueueSettings(gap_ms=(ms, ms)))

    add_send(connections, session_id)
    row = head(connections, session_id)
    pace = Pace(connections, session_id, ZONE)
    began = time.monotonic()
    assert pace.turn_of(row, gap(HOUR_MS)) <= time.monotonic()  # nothing was sent before
    pace.began(row, began, stranger=False)
    assert pace.turn_of(row, gap(HOUR_MS)) == began + 3_600
    assert pace.turn_of(row, gap(1_000)) == began + 1


def test_a_question_for_nothing_waits_as_a_send_does(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    row = head(connections, session_id)
    pace = Pace(connections, session_id, ZONE)
    began = time.monotonic()
    pace.asked(began)
    settings = [QueueSettings(gap_ms=(gap, gap)) for gap in (0, 4_000, HOUR_MS)]
    waits = [pace.turn_of(row, Queue(settings=each)) - began for each in settings]
    assert waits == pytest.approx([1, 4, 10], abs=0.5)


def test_first_messages_wait_for_each_other_alone(connections: Connections, session_id: str) -> None:
    slowly = Pacing(new_contact_gap_ms=600_000)
    pace = Pace(connections, session_id, ZONE)
    assert pace.strangers_from(slowly) == NEVER
    assert pace.is_stranger(CHAT, slowly)
    add_send(connections, session_id)
    row = head(connections, session_id)
    assert rows.claim(connections, row, 1, CHAT, stranger=True)
    first = time.monotonic()
    pace.began(row, first, stranger=True)
    for later in (60, 120):  # to somebody known
        pace.began(row, first + later, stranger=False)
    assert pace.strangers_from(slowly) == first + 600
    assert pace.strangers_from(Pacing()) == NEVER
    restarted = Pace(connections, session_id, ZONE)
    assert restarted.strangers_from(slowly) == pytest.approx(first + 600, abs=2)
    assert rows.unclaim(connections, row, 1)  # it did not leave
    pace.not_taken()
    assert pace.strangers_from(slowly) == NEVER


def test_a_session_that_only_sent_directly_keeps_its_gap(connections: Connections, session_id: str) -> None:
    """What a queued send has to wait for isn't settled by a question about strangers that came before."""
    add_send(connections, session_id)
    row = head(connections, session_id)
    assert rows.claim(connections, row, 1, CHAT)
    began = time.monotonic()
    pace = Pace(connections, session_id, ZONE)
    pace.strangers_from(Pacing(new_contact_gap_ms=1_000))
    settings = QueueSettings(gap_ms=(HOUR_MS, HOUR_MS))
    assert pace.turn_of(row, Queue(settings=settings)) == pytest.approx(began + 3_600, abs=2)


def test_strangers_set_aside_hold_up_nobody_and_keep_their_order(connections: Connections, session_id: str) -> None:
    first, again, second = [add_send(connections, session_id) for _ in range(3)]
    important = add_send(connections, session_id, priority=5)
    known = add_send(connections, session_id)
    for chat, _row in (("6@s.whatsapp.net", important), (CHAT, first), (CHAT, again), ("7@s.whatsapp.net", second)):
        set_aside(connections, head(connections, session_id, strangers=False), chat)
    assert head(connections, session_id, strangers=False).id == known
    assert head(connections, session_id).id == important
    assert rows.claim(connections, head(connections, session_id), 1, "6@s.whatsapp.net", stranger=True)
    assert head(connections, session_id).id == first
    assert rows.claim(connections, head(connections, session_id), 1, CHAT, stranger=True)
    rejoin(connections, session_id, CHAT)
    assert head(connections, session_id, strangers=False).id == again
    with connections.reading() as connection:
        found = connection.execute(sa.select(outbox.c.id, outbox.c.rank)).all()
    assert {row.id: priority_of(row.rank) for row in found} == {
        first: 0, again: 0, second: 0, important: 5, known: 0,
    }  # fmt: skip


def test_a_paused_queue_lets_no_claim_through(connections: Connections, session_id: str) -> None:
    add_send(connections, session_id)
    queued = head(connections, session_id)
    with connections.transaction() as connection:
        connection.execute(queues.update().values(paused=True))
    assert not rows.claim(connections, queued, 1, CHAT)
    add_send(connections, session_id, direct=True)
    assert rows.claim(connections, head(connections, session_id), 1, CHAT)
    with connections.transaction() as connection:
        connection.execute(queues.update().values(paused=False))
    assert rows.claim(connections, queued, 1, CHAT)


def test_restrictions_in_a_row_last_twice_as_long(connections: Connections, session_id: str) -> None:
    began = now_ms()
    first = restrict(connections, session_id, "463")
    second = restrict(connections, session_id, "463")
    assert first - began == pytest.approx(FIRST_MS, abs=5_000)
    assert second - began == pytest.approx(2 * FIRST_MS, abs=5_000)
    with connections.reading() as connection:
        assert rows.queue_of(connection, session_id).restricted_until == second
        told = [event.data for event in bus.after(connection, 0, 10, session_id)]
    assert [one["code"] for one in told] == ["463", "463"]


def test_settings_are_read_as_they_are_shown() -> None:
    given = {
        "gap": [500, 1_500],
        "policy": "resend",
        "pacing": {
            "perMinute": 10,
            "perHour": None,
            "perDay": 500,
            "quietHours": {"from": "22:00", "to": "08:00"},
            "newContactGap": 5_000,
        },
    }
    settings = from_json(given)
    assert to_json(settings) == given
    assert all(500 <= settings.draw_gap_ms() <= 1_500 for _ in range(50))
    assert settings.pacing.caps == [(10, 60_000), (500, 86_400_000)]
