"""What a waiting queue gives way to, and whom it doesn't hold up; end to end, on both databases."""

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from flashapi.connections import create_engine
from flashapi.models.installation import numbers
from flashapi.models.outbox import queues
from flashapi.settings import Settings
from tests.support import samples
from tests.support.databases import database_url
from tests.support.installation import Installation, Phone, Session
from tests.support.queueing import Line, make_lines
from tests.support.servers import wait_until

QUEUE, SETTINGS = "/api/chat/queue", "/api/config/queue"
TYPING_MS = 6_000


def typing_seen(phone: Phone) -> list[str]:
    """What the phone was shown of typing to it."""
    folder = os.open(phone.installation.data_dir / "sandbox", os.O_PATH)  # the path may be too long for a socket's
    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"/proc/self/fd/{folder}/control.sock")
            control.sendall(json.dumps({"op": "phone.activity", "numero": phone.number}).encode() + b"\n")
            with control.makefile() as answers:
                shown = json.loads(answers.readline())["data"]["activity"]
    finally:
        os.close(folder)
    return [one["kind"] for one in shown if one["kind"] in ("composing", "paused")]


def wait_typing(line: Line, *kinds: str) -> None:
    wait_until(lambda: typing_seen(line.friend) == list(kinds), f"the phone was shown {kinds}")


def state(session: Session, row: dict[str, Any]) -> str:
    return str(session.api("GET", f"{QUEUE}/{row['id']}")["data"]["state"])


def quiet_now() -> dict[str, Any]:
    """Quiet hours that have begun and last a while."""
    now = datetime.now(ZoneInfo(Settings.timezone))
    clock = [(now + timedelta(minutes=minutes)).strftime("%H:%M") for minutes in (-2, 120)]
    return {"quietHours": {"from": clock[0], "to": clock[1]}}


@contextmanager
def database(running: Installation) -> Iterator[sa.Connection]:
    engine = create_engine(database_url(running), 1)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_direct_send_goes_out_while_a_queued_one_is_typed(running: Installation) -> None:
    (line,) = make_lines(running, 1, "81")
    began = time.monotonic()
    line.session.send(line.friend.number, "sem pressa", useQueue=True, delay=TYPING_MS)
    wait_typing(line, "composing")
    for number in range(2):
        line.session.send(line.friend.number, f"direta {number}")
    assert time.monotonic() - began < TYPING_MS / 1_000
    assert line.friend.texts() == ["direta 0", "direta 1"]
    line.friend.wait_text("sem pressa")
    took = time.monotonic() - began
    assert TYPING_MS / 1_000 <= took < TYPING_MS / 1_000 + 2, "the time typed so far counts"
    wait_typing(line, *["composing", "paused"] * 3)


def test_a_pause_holds_what_is_being_typed(running: Installation) -> None:
    (line,) = make_lines(running, 1, "82")
    row = line.session.send(line.friend.number, "espera", useQueue=True, delay=1_500)
    wait_typing(line, "composing")
    line.session.api("POST", f"{QUEUE}/pause")
    wait_typing(line, "composing", "paused")
    line.session.send(line.friend.number, "passa o tempo", delay=2_000)
    assert state(line.session, row) == "queued" and line.friend.texts() == ["passa o tempo"]
    line.session.api("POST", f"{QUEUE}/resume")
    line.friend.wait_text("espera")


def test_rules_that_come_while_a_send_is_typed_hold_for_it(running: Installation) -> None:
    (line,) = make_lines(running, 1, "83")
    row = line.session.send(line.friend.number, "é noite", useQueue=True, delay=1_500)
    wait_typing(line, "composing")
    line.session.api("PUT", SETTINGS, {"pacing": quiet_now()})
    wait_typing(line, "composing", "paused")
    assert state(line.session, row) == "queued"
    line.session.api("PUT", SETTINGS, {"pacing": None})
    wait_typing(line, "composing", "paused", "composing")
    with database(running) as connection:  # nobody tells the worker
        connection.execute(
            queues.update()
            .where(queues.c.session_id == line.session.id)
            .values(settings=json.dumps({"pacing": quiet_now()}))
        )
    wait_typing(line, *["composing", "paused"] * 2)
    assert state(line.session, row) == "queued" and line.friend.texts() == []
    line.session.api("PUT", SETTINGS, {"pacing": None})
    line.friend.wait_text("é noite")


def test_first_messages_hold_up_only_each_other(running: Installation) -> None:
    (line,) = make_lines(running, 1, "84")
    new = [running.phone(f"551198400{number:04}") for number in range(3)]
    line.session.send(line.friend.number, "conhecido")
    line.session.api("PUT", SETTINGS, {"gap": 0, "pacing": {"newContactGap": 4_000}})
    for phone in new[:2]:
        for text in ("prazer", "segunda"):
            line.session.send(phone.number, text, useQueue=True)
    line.session.send(line.friend.number, "não espera", useQueue=True)
    line.friend.wait_text("não espera")
    new[0].wait_text("segunda")
    assert new[1].texts() == []
    line.session.send(line.friend.number, "uma direta")  # changes nothing for the new ones
    new[1].wait_text("segunda")
    first, second = (phone.inbox()[0]["shownAt"] for phone in new[:2])
    assert 4_000 - 20 <= second - first <= 5_000
    line.session.api("PUT", SETTINGS, {"pacing": {"newContactGap": 3_600_000}})
    waiting = line.session.send(new[2].number, "prazer", useQueue=True)
    wait_until(lambda: line.session.api("GET", f"{QUEUE}/{waiting['id']}")["data"]["chat"], "it was set aside")
    assert state(line.session, waiting) == "queued" and new[2].texts() == []
    line.session.api("PUT", SETTINGS, {"pacing": None})
    new[2].wait_text("prazer", seconds=5)


def test_nobody_is_asked_for_and_nothing_uploaded_for_cold_chats_under_restriction(running: Installation) -> None:
    (line,) = make_lines(running, 1, "85")
    strangers = [running.phone(f"551198500{number:04}") for number in range(6)]
    digits = [phone.number for phone in strangers]
    image = base64.b64encode(samples.picture()).decode()
    line.session.api("PUT", SETTINGS, {"gap": 0})
    running.api(
        "POST", "/api/sandbox/fault",
        {"numero": line.session.status()["phoneNumber"], "kind": "nack", "code": 463, "count": 1},
    )  # fmt: skip
    assert line.session.try_send(line.friend.number, "conversa nova").status_code != 200
    media = running.data_dir / "sandbox" / "media"
    uploaded = list(media.glob("*"))

    def queue_images() -> list[dict[str, Any]]:
        body = {"image": image, "useQueue": True}
        return [line.session.api("POST", "/api/chat/send-image", {**body, "to": to})["data"] for to in digits]

    def wait_scheduled(rows: list[dict[str, Any]]) -> None:
        wait_until(lambda: {state(line.session, row) for row in rows} == {"scheduled"}, "all wait")

    wait_scheduled(queue_images())
    asked = sa.select(numbers.c.checked_at).where(numbers.c.asked.in_(digits)).order_by(numbers.c.checked_at)
    with database(running) as connection:
        moments = [row.checked_at for row in connection.execute(asked)]
        connection.execute(numbers.update().where(numbers.c.asked.in_(digits)).values(checked_at=1))
    assert len(moments) == 6
    assert moments[-1] - moments[0] >= 2_900, "a second apart, after the first two seconds' worth"
    began = time.monotonic()
    wait_scheduled(queue_images())
    assert time.monotonic() - began < 2, "known ones wait for nothing"
    with database(running) as connection:
        assert [row.checked_at for row in connection.execute(asked)] == [1] * 6
    assert list(media.glob("*")) == uploaded
