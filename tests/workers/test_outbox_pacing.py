"""When a queued send may begin: caps, quiet hours, strangers, restrictions; on both databases."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import outbox
from flashapi.queue_settings import Pacing, from_json, to_json
from tests.workers.rows import add_send
from workers import outbox_rows as rows
from workers.message_rows import insert_message
from workers.outbox_pacing import has_messages, open_again, quiet_until
from workers.outbox_restrictions import FIRST_MS, restrict

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
