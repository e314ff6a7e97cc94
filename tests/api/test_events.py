"""GET /api/events: from the last one seen on, in order, told what is gone; a session's own, or all."""

from typing import Any

import sqlalchemy as sa

from flashapi.models.events import events
from flashapi.services.backend import Backend
from flashapi.timestamps import iso
from tests.api.conftest import Caller, Owner
from tests.support.facts import Session, happen


def tell(backend: Backend, owner: Owner) -> Any:
    return happen(backend.connections, Session(owner.id, owner.name, ""), told=False)


def asked(caller: Caller, query: str = "", **headers: str) -> dict[str, Any]:
    answer = caller.get(f"/api/events?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json["data"])


def test_pages_go_on_from_the_last_one(alice: Owner, bob: Owner, backend: Backend) -> None:
    told = [tell(backend, alice), tell(backend, bob), tell(backend, alice), tell(backend, alice)]
    mine = [told[0], told[2], told[3]]
    first = asked(alice, "limit=2")
    assert [each["id"] for each in first["events"]] == [mine[0].id, mine[1].id]
    assert first["events"][0] == {
        "id": mine[0].id, "event": "session_disconnected", "sessionId": alice.name, "data": {"reason": "stopped"},
        "timestamp": iso(mine[0].time),
    }  # fmt: skip
    second = asked(alice, f"after={first['last']}")
    assert ([each["id"] for each in second["events"]], second["gone"]) == ([mine[2].id], False)
    assert asked(alice, f"after={second['last']}") == {"events": [], "last": mine[2].id, "gone": False}
    assert asked(alice, "events=qr_updated")["events"] == []


def test_the_global_key_sees_all_and_a_sessions_key_its_own(
    alice: Owner, bob: Owner, root: Caller, charlie: Caller, backend: Backend
) -> None:
    told = [tell(backend, alice), tell(backend, bob)]
    assert [each["id"] for each in asked(root)["events"]] == [each.id for each in told]
    assert [each["id"] for each in asked(root, **{"x-session": bob.name})["events"]] == [told[1].id]
    assert [each["id"] for each in asked(alice)["events"]] == [told[0].id]
    assert asked(alice, f"after={told[1].id}")["gone"] is True  # another's event is nobody's business
    assert charlie.get("/api/events").status_code == 401


def test_what_is_gone_is_said_to_be_gone(alice: Owner, backend: Backend) -> None:
    told = [tell(backend, alice) for _ in range(3)]
    with backend.connections.transaction() as connection:
        connection.execute(events.delete().where(events.c.position <= told[1].position))
    page = asked(alice, f"after={told[0].id}")
    assert ([each["id"] for each in page["events"]], page["gone"]) == ([told[2].id], True)
    assert asked(alice, f"after={page['last']}")["gone"] is False


def test_all_are_shown_only_up_to_a_position_that_may_still_be_filled(
    alice: Owner, root: Caller, backend: Backend
) -> None:
    told = [tell(backend, alice) for _ in range(4)]
    with backend.connections.transaction() as connection:
        connection.execute(events.delete().where(events.c.position == told[1].position))
    assert [each["id"] for each in asked(root)["events"]] == [told[0].id]
    assert len(asked(alice)["events"]) == 3  # those of one session appear in their order
    with backend.connections.transaction() as connection:
        connection.execute(events.update().values(time=sa.literal(told[0].time - 60_000)))
    assert len(asked(root)["events"]) == 3
