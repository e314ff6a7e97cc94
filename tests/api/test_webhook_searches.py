"""The log and replay look at many rows a few at a time: what they find is the same, and nobody waits meanwhile."""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event

from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.models.events import GLOBAL, deliveries, events
from flashapi.settings import Settings
from flashapi.timestamps import iso
from tests.api.conftest import Caller
from tests.support.facts import Session, add_endpoint, add_session
from workers.migrations import migrate

BEGAN = 1_000_000
STEP = 1_000
"""Milliseconds from one event to the next."""
INSTRUCTIONS = 1_000
"""How many of SQLite's own instructions make one tick of the clock that counts them."""
LONG = 45
"""Ticks; a few milliseconds."""
MANY = 20_000


@pytest.fixture
def root(app_on_each: Flask, database: Settings) -> Caller:
    return Caller(app_on_each.test_client(), database.global_api_key)


def fill(connections: Connections, endpoint: int, sessions: list[Session], number: int) -> list[int]:
    """So many events, of the sessions in turn, each with a dead delivery; every tenth is a `qr_updated`.

    Two at a time happen at the same moment. Returns the positions.
    """
    facts = [
        {"session_id": sessions[each % len(sessions)].id, "event": "message_received" if each % 10 else "qr_updated"}
        for each in range(number)
    ]
    told = [
        {
            "id": f"evt_{each}", "session_id": fact["session_id"], "session_name": "x", "name": fact["event"],
            "time": BEGAN + each // 2 * STEP, "data": "{}",
        }
        for each, fact in enumerate(facts)
    ]  # fmt: skip
    with connections.transaction() as connection:
        connection.execute(events.insert(), told)
        positions = list(connection.scalars(sa.select(events.c.position).order_by(events.c.position)))
        common = {"endpoint_id": endpoint, "state": "dead"}
        connection.execute(
            deliveries.insert(),
            [
                {**common, **fact, "position": position, "created_at": one["time"]}
                for fact, position, one in zip(facts, positions, told, strict=True)
            ],
        )
    return positions


def test_what_is_found_does_not_depend_on_the_windows(
    connections: Connections, root: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flashapi.services.windows.ROWS", 3)
    monkeypatch.setattr("flashapi.services.replays.BATCH", 2)
    actors = [add_session(connections, "sessao-de-alice"), add_session(connections, "sessao-de-bob")]
    endpoint = add_endpoint(connections, GLOBAL, "https://example.com/")
    positions = fill(connections, endpoint, actors, 40)
    path = f"/api/webhook/global/{endpoint}"

    def replayed(**body: Any) -> list[int]:
        with connections.transaction() as connection:
            connection.execute(deliveries.delete().where(deliveries.c.origin == "replay"))
        answer = root.post(f"{path}/replay", json=body)
        with connections.reading() as connection:
            made = connection.execute(
                sa.select(deliveries).where(deliveries.c.origin == "replay").order_by(deliveries.c.id)
            ).all()
        assert answer.json["data"]["replayed"] == len(made)
        assert {(row.endpoint_id, row.state, row.attempts, row.next_at) for row in made} <= {
            (endpoint, "waiting", 0, 0)
        }
        return [row.position for row in made]

    span = {"from": iso(BEGAN + 2 * STEP), "to": iso(BEGAN + 7 * STEP)}
    assert replayed(**span) == positions[4:16]
    assert replayed(**span, session="sessao-de-bob") == positions[5:16:2]
    assert replayed(**{"from": iso(BEGAN + 18 * STEP)}, events=["message_received"]) == positions[36:]
    assert replayed(to=iso(BEGAN)) == positions[:2]
    assert replayed(events=["qr_updated"]) == positions[::10]
    assert replayed(dead=True) == positions
    assert replayed(dead=True, events=["qr_updated"], session="sessao-de-alice") == positions[::10]

    def found(query: str) -> list[str]:
        ids, before = [], ""
        for page in count(1):
            data = root.get(f"{path}/deliveries?limit=4&{query}{before}").json["data"]
            ids += [each["eventId"] for each in data["deliveries"]]
            if data["nextBefore"] is None:
                return ids
            before = f"&before={data['nextBefore']}"
            assert page < 30
        raise AssertionError

    replayed(events=["call"])  # leaves no replays behind
    newest_first = [f"evt_{each}" for each in reversed(range(40))]
    for windows_at_most in (100, 1):
        monkeypatch.setattr("flashapi.services.deliveries.WINDOWS_AT_MOST", windows_at_most)
        assert found("") == found("state=dead") == newest_first
        assert found("state=delivered") == found("event=call") == []
        assert found("event=qr_updated") == ["evt_30", "evt_20", "evt_10", "evt_0"]
        assert found("session=sessao-de-bob&state=dead") == newest_first[::2]
        assert found(f"from={iso(BEGAN + 2 * STEP)}&to={iso(BEGAN + 7 * STEP)}") == newest_first[24:36]


class Held:
    """An installation on SQLite with many events, and how long a request has kept SQLite at work without a pause."""

    def __init__(self, app: Flask, path: str, root: Caller) -> None:
        self.path = path
        self.root = root
        self.connections: Connections = app.extensions[EXTENSION].connections
        self.longest = self._now = 0
        event.listen(self.connections.engine, "checkout", self._count)

    def _count(self, connection: Any, *_: object) -> None:
        connection.set_progress_handler(self._tick, INSTRUCTIONS)

    def _tick(self) -> int:
        self._now += 1
        self.longest = max(self.longest, self._now)
        return 0

    def pause(self) -> None:
        """Others have their turn."""
        self._now = 0


@pytest.fixture
def held(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    migrate(settings)
    app = create_app(settings)
    connections = app.extensions[EXTENSION].connections
    actors = [add_session(connections, "sessao-de-alice"), add_session(connections, "sessao-de-bob")]
    endpoint = add_endpoint(connections, GLOBAL, "https://example.com/")
    fill(connections, endpoint, actors, MANY)
    made = Held(app, f"/api/webhook/global/{endpoint}", Caller(app.test_client(), settings.global_api_key))
    sleep = time.sleep

    def pausing(seconds: float) -> None:
        made.pause()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", pausing)  # cooperative in a web process
    yield made
    connections.close()


@pytest.mark.parametrize(
    ("body", "replayed"),
    [
        ({"from": iso(BEGAN), "to": iso(BEGAN + STEP)}, 4),
        ({"events": ["call"]}, 0),
        ({"session": "sessao-de-bob", "to": iso(BEGAN)}, 1),
        ({"dead": True}, MANY),
    ],
    ids=["time", "name", "session", "all"],
)
def test_others_go_on_during_a_replay(held: Held, body: dict[str, Any], replayed: int) -> None:
    assert held.root.post(f"{held.path}/replay", json=body).json["data"]["replayed"] == replayed
    assert held.longest < LONG


@pytest.mark.parametrize(
    "query", ["event=call", "session=sessao-de-bob&event=call", f"to={iso(1)}", "state=dead&event=call"]
)
def test_others_go_on_during_a_search(held: Held, query: str) -> None:
    assert held.root.get(f"{held.path}/deliveries?{query}").json["data"] == {"deliveries": [], "nextBefore": None}
    assert held.longest < LONG


def test_others_go_on_while_what_waits_is_counted_and_hurried(held: Held) -> None:
    with held.connections.transaction() as connection:
        connection.execute(deliveries.update().values(state="waiting"))
        connection.execute(deliveries.update().where(deliveries.c.id <= 10).values(next_at=2**40))
    held.pause()
    held.longest = 0
    assert held.root.get(held.path).json["data"]["deliveries"] == {"waiting": MANY, "slow": 0, "dead": 0}
    held.pause()
    assert held.root.put(held.path, json={"description": "outra"}).status_code == 200
    assert held.longest < LONG
    with held.connections.reading() as connection:
        assert connection.scalar(sa.select(sa.func.max(deliveries.c.next_at))) == 0
