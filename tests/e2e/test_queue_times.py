"""Gaps and moments of queued sends, to the millisecond, on both databases."""

import time
from datetime import UTC, datetime

import pytest

from tests.support.installation import Installation
from tests.support.queueing import fill, intervals, make_lines, wait_empty

pytestmark = pytest.mark.alone
GAP_MS = 1_200


def test_gaps_keep_their_time(running: Installation) -> None:
    lines = make_lines(running, 5, "62")
    for line in lines:
        fill(line, 8, gap=GAP_MS)
    wait_empty(lines)
    off = sorted(abs(interval - GAP_MS) for interval in intervals(lines))
    assert len(off) == 5 * 6
    assert off[len(off) // 2] <= 10 and off[-1] <= 50, off


def test_a_moment_is_kept(running: Installation) -> None:
    (line,) = make_lines(running, 1, "63")
    line.session.api("PUT", "/api/config/queue", {"gap": 0})
    base = time.time() + 4
    asked = {f"às {number}": int((base + number * 0.7) * 1_000) for number in range(4)}
    for text, at in reversed(asked.items()):
        when = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds")
        line.session.send(line.friend.number, text, sendAt=when)
    line.session.send(line.friend.number, "ninguém espera", useQueue=True)
    line.friend.wait_text("às 3")
    entries = line.friend.inbox()
    assert [entry["text"] for entry in entries] == ["ninguém espera", *asked]
    for entry in entries[1:]:
        assert 0 <= entry["shownAt"] - asked[entry["text"]] <= 60
