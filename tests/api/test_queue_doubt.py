"""The queue's routes and the sends of which nobody knows whether they left."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flashapi import outbox_states
from flashapi.connections import Connections
from flashapi.models.base import now_ms
from flashapi.models.outbox import SendState, outbox
from flashapi.services import queue as queue_service
from tests.api.conftest import Owner
from tests.api.test_queue import in_hours, move, queue, rows
from workers import outbox_retention


def doubtful(connections: Connections, owner: Owner, row_id: str, to: SendState) -> None:
    """What becomes of a row whose worker was killed while it was being sent."""
    chat = {"chat": "5599999999999@s.whatsapp.net", "sending_at": now_ms(), "attempts": 1}
    move(connections, owner, row_id, SendState.SENDING, **chat)
    with outbox_states.changing(connections) as (connection, changes):
        assert outbox_states.leave_in_doubt(connection, changes, owner.id, [outbox.c.id == int(row_id)], to)


def test_what_may_have_left_is_never_said_to_be_cancelled(linked_alice: Owner, connections: Connections) -> None:
    """With `resend` it waits to go out again; its owner's word ends that, and then the doubt."""
    row = queue(linked_alice).json["data"]["id"]
    path = f"/api/chat/queue/{row}"
    doubtful(connections, linked_alice, row, SendState.QUEUED)
    withdrawn = linked_alice.delete(path).json
    assert withdrawn["data"]["state"] == "uncertain" and "pode ter chegado" in withdrawn["message"]
    assert withdrawn["data"]["error"]["code"] == "outcome_unknown"
    assert linked_alice.get("/api/chat/queue/status").json["data"]["uncertain"] == 1
    assert linked_alice.delete(path).json["data"]["state"] == "dismissed"
    assert linked_alice.get("/api/chat/queue/status").json["data"]["uncertain"] == 0
    assert linked_alice.delete(path).status_code == 409
    assert linked_alice.post(f"{path}/retry").json["data"]["state"] == "queued"
    assert linked_alice.delete(path).json["data"]["state"] == "uncertain"


def test_a_dismissed_send_is_removed_in_its_time(linked_alice: Owner, connections: Connections) -> None:
    kept, gone = (queue(linked_alice).json["data"]["id"] for _ in range(2))
    for row in (kept, gone):
        doubtful(connections, linked_alice, row, SendState.UNCERTAIN)
    assert linked_alice.delete(f"/api/chat/queue/{gone}").json["data"]["state"] == "dismissed"
    outbox_retention.trim(connections, -1)
    assert [str(row.id) for row in rows(connections)] == [kept]


def test_clearing_takes_both_states_and_says_what_is_in_doubt(
    linked_alice: Owner, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheduled rows join the line while it is emptied, a batch at a time."""
    monkeypatch.setattr(queue_service, "CANCELLED_AT_ONCE", 2)
    resent = queue(linked_alice).json["data"]["id"]
    doubtful(connections, linked_alice, resent, SendState.QUEUED)
    ids = [queue(linked_alice).json["data"]["id"] for _ in range(2)]
    ids += [queue(linked_alice, sendAt=in_hours(1)).json["data"]["id"] for _ in range(4)]
    changing = outbox_states.changing

    @contextmanager
    def joining(*args: Any, **keywords: Any) -> Iterator[Any]:
        with changing(*args, **keywords) as transaction:
            yield transaction
        with changing(connections) as (connection, changes):  # the runner, after each batch
            states = [SendState.SCHEDULED]
            outbox_states.move(connection, changes, linked_alice.id, [], states, SendState.QUEUED, at_most=1)

    monkeypatch.setattr(outbox_states, "changing", joining)
    cleared = linked_alice.post("/api/chat/queue/clear").json["data"]
    assert cleared == {"cancelled": len(ids), "uncertain": 1}
    states = {str(row.id): row.state for row in rows(connections)}
    assert states == {resent: "uncertain"} | dict.fromkeys(ids, "cancelled")
