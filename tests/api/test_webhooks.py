"""/api/webhook: endpoints of a session and global ones, their secrets, the log, replay, and who may see what."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from standardwebhooks import Webhook

from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.models.events import deliveries, endpoints
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from flashapi.timestamps import iso
from flashapi.webhooks import secrets
from tests.api.conftest import Caller, Owner
from tests.support.facts import Session, happen
from tests.support.receivers import Receiver, verifies
from workers.migrations import migrate

URL = "https://example.com/gancho"


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """An installation that lets webhooks go to this machine."""
    migrate(settings)
    made = create_app(replace(settings, allow_private_urls=True))
    yield made
    backend: Backend = made.extensions[EXTENSION]
    backend.fetcher.close()
    backend.connections.close()


def make(owner: Caller, prefix: str = "/api/webhook", **fields: Any) -> dict[str, Any]:
    answer = owner.post(prefix, json={"url": URL, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json["data"])


def rows(backend: Backend) -> list[Any]:
    with backend.connections.reading() as connection:
        return list(connection.execute(sa.select(deliveries).order_by(deliveries.c.id)))


def as_fact(owner: Owner) -> Session:
    return Session(owner.id, owner.name, owner.key or "")


def test_an_endpoints_life(alice: Owner) -> None:
    made = make(alice, events=["message_received"], headers={"X-Chave": "v"}, description="CRM")
    assert made["secret"].startswith("whsec_") and made["signed"] and made["kind"] == "own"
    path = f"/api/webhook/{made['id']}"
    shown = alice.get(path).json["data"]
    assert "secret" not in shown
    assert shown["deliveries"] == {"waiting": 0, "slow": 0, "dead": 0}
    assert (shown["url"], shown["events"], shown["headers"]) == (URL, ["message_received"], {"X-Chave": "v"})
    changed = alice.put(path, json={"events": None, "enabled": False}).json["data"]
    assert (changed["events"], changed["enabled"], changed["description"]) == (None, False, "CRM")
    assert alice.post(f"{path}/pause").json["data"]["pauseReason"] == "asked"
    assert alice.post(f"{path}/resume").json["data"]["paused"] is False
    assert alice.get("/api/webhook").json["data"]["total"] == 1
    assert alice.delete(path).status_code == 200
    assert alice.get(path).status_code == 404
    assert alice.get("/api/webhook").json["data"] == {"webhooks": [], "total": 0}


def test_secrets_are_not_in_the_database(alice: Owner, backend: Backend) -> None:
    made = make(alice)
    rotated = alice.post(f"/api/webhook/{made['id']}/rotate-secret").json["data"]["secret"]
    assert rotated != made["secret"]
    with backend.connections.reading() as connection:
        row = connection.execute(sa.select(endpoints)).one()
    for secret in (made["secret"], rotated):
        assert secret not in str(row) and secret.removeprefix("whsec_") not in str(row)
    assert row.previous_secrets[0]["until"] > row.updated_at + 23 * 3_600_000


def test_a_rotation_that_is_repeated_leaves_the_receivers_secret_valid(alice: Owner, backend: Backend) -> None:
    with Receiver() as receiver:
        made = make(alice, url=receiver.url)
        path = f"/api/webhook/{made['id']}"
        given = [made["secret"]]
        for _ in range(secrets.PREVIOUS_AT_MOST + 5):
            given.append(alice.post(f"{path}/rotate-secret").json["data"]["secret"])
        alice.post(f"{path}/test")
        with backend.connections.transaction() as connection:
            previous = connection.scalar(sa.select(endpoints.c.previous_secrets))
            over = [{**previous[0], "until": 1}, *previous[1:]]
            connection.execute(endpoints.update().values(previous_secrets=over))
        alice.post(f"{path}/test")
        alice.post(f"{path}/rotate-secret")
    first, second = receiver.deliveries
    assert [secret for secret in given if verifies(secret, first)] == [given[0], *given[-secrets.PREVIOUS_AT_MOST :]]
    assert [secret for secret in given if verifies(secret, second)] == given[-secrets.PREVIOUS_AT_MOST :]
    with backend.connections.reading() as connection:
        kept = connection.scalar(sa.select(endpoints.c.previous_secrets))
    assert len(kept) == secrets.PREVIOUS_AT_MOST and kept[0] == previous[1]


def test_a_new_secret_signs_though_the_previous_one_cannot_be_opened(alice: Owner, backend: Backend) -> None:
    with Receiver() as receiver:
        made = make(alice, url=receiver.url)
        with backend.connections.transaction() as connection:
            connection.execute(endpoints.update().values(secret=secrets.seal("outra chave", made["secret"])))
        path = f"/api/webhook/{made['id']}"
        assert alice.post(f"{path}/test").status_code == 409
        rotated = alice.post(f"{path}/rotate-secret").json["data"]["secret"]
        assert alice.post(f"{path}/test").json["data"]["delivered"] is True
    assert verifies(rotated, receiver.deliveries[0])


def test_without_a_key_to_seal_with_no_endpoint_is_made(settings: Settings) -> None:
    migrate(settings)
    app = create_app(replace(settings, webhook_secret_key=""))
    root = Caller(app.test_client(), settings.global_api_key)
    answer = root.post("/api/webhook/global", json={"url": URL})
    assert (answer.status_code, "WEBHOOK_SECRET_KEY" in answer.json["message"]) == (503, True)
    app.extensions[EXTENSION].connections.close()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": None}, "url"),
        ({"events": ["nada"]}, "events"),
        ({"headers": {"Webhook-Id": "x"}}, "headers"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "headers"),
        ({"headers": "x"}, "headers"),
        ({"description": "x" * 256}, "description"),
    ],
)
def test_what_is_refused(alice: Owner, fields: dict[str, Any], named: str) -> None:
    answer = alice.post("/api/webhook", json={"url": URL, **fields})
    assert (answer.status_code, named in answer.json["message"]) == (400, True), answer.text


def test_each_sees_only_their_own(alice: Owner, bob: Owner, root: Caller, charlie: Caller) -> None:
    made = make(alice)
    everywhere = make(root, "/api/webhook/global")
    for path in (f"/api/webhook/{made['id']}", f"/api/webhook/{made['id']}/deliveries"):
        assert bob.get(path).status_code == 404
        assert charlie.get(path).status_code == 401
        assert root.get(path.replace("webhook/", "webhook/global/")).status_code == 404
    assert alice.get(f"/api/webhook/{everywhere['id']}").status_code == 404
    assert alice.get("/api/webhook/global").status_code == 401
    assert bob.post(f"/api/webhook/{made['id']}/replay", json={"dead": True}).status_code == 404
    assert root.get("/api/webhook", headers={"x-session": alice.name}).json["data"]["total"] == 1


def test_the_contracts_webhook_is_one_of_them(alice: Owner) -> None:
    make(alice)
    body = {"webhookUrl": "https://example.com/contrato", "status_webhook": True, "events": ["qr_updated"]}
    assert alice.put("/api/config/webhook", json=body).status_code == 200
    shown = {each["kind"]: each for each in alice.get("/api/webhook").json["data"]["webhooks"]}
    assert shown["contract"]["url"] == "https://example.com/contrato" and not shown["contract"]["signed"]
    rotated = alice.post(f"/api/webhook/{shown['contract']['id']}/rotate-secret").json["data"]
    assert rotated["signed"] and rotated["secret"].startswith("whsec_")
    assert alice.put("/api/config/webhook", json={"webhookUrl": None}).status_code == 200
    assert [each["kind"] for each in alice.get("/api/webhook").json["data"]["webhooks"]] == ["own"]
    assert alice.put("/api/config/webhook", json=body).json["data"]["currentConfig"]["webhook_url"]
    assert alice.get("/api/session/status").json["data"]["hasWebhook"] is True


def test_a_test_delivery_tells_what_the_endpoint_answers(alice: Owner, backend: Backend) -> None:
    with Receiver() as receiver:
        made = make(alice, url=receiver.url, events=["qr_updated"])
        receiver.script.append(500)
        failed = alice.post(f"/api/webhook/{made['id']}/test").json["data"]
        assert (failed["delivered"], failed["statusCode"], failed["response"]) == (False, 500, "answered 500")
        passed = alice.post(f"/api/webhook/{made['id']}/test").json["data"]
        assert (passed["delivered"], passed["error"]) == (True, None)
        delivery = receiver.deliveries[1]
        Webhook(made["secret"]).verify(delivery.raw, delivery.headers)
        assert (delivery.body["event"], delivery.body["sessionId"]) == ("webhook_test", alice.name)
    log = alice.get(f"/api/webhook/{made['id']}/deliveries").json["data"]["deliveries"]
    assert [(each["state"], each["origin"]) for each in log] == [("delivered", "test"), ("dead", "test")]
    one = alice.get(f"/api/webhook/{made['id']}/deliveries/{log[1]['id']}").json["data"]
    assert [each["statusCode"] for each in one["log"]] == [500]


def test_the_log_by_filters_and_pages(alice: Owner, backend: Backend) -> None:
    made = make(alice)
    told = [happen(backend.connections, as_fact(alice), told=False) for _ in range(5)]
    with backend.connections.transaction() as connection:
        connection.execute(deliveries.update().where(deliveries.c.position == told[1].position).values(state="dead"))
        connection.execute(deliveries.update().where(deliveries.c.position == told[0].position).values(created_at=1))
    path = f"/api/webhook/{made['id']}/deliveries"

    def ids(query: str) -> list[str]:
        answer = alice.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        return [each["eventId"] for each in answer.json["data"]["deliveries"]]

    newest_first = [each.id for each in reversed(told)]
    assert ids("") == newest_first
    assert ids("state=dead") == [told[1].id]
    assert ids("event=qr_updated") == []
    assert ids(f"session={alice.name}") == newest_first
    assert ids(f"from={iso(2)}") == newest_first[:4]
    assert ids(f"to={iso(2)}") == newest_first[4:]
    page = alice.get(f"{path}?limit=2").json["data"]
    assert ids(f"limit=2&before={page['nextBefore']}") == newest_first[2:4]
    assert alice.get(f"{path}?state=nada").status_code == 400
    assert alice.get(f"{path}?from=ontem").status_code == 400


def test_replay_puts_exactly_the_asked_ones_into_the_line(
    alice: Owner, bob: Owner, root: Caller, backend: Backend
) -> None:
    told = [happen(backend.connections, as_fact(alice), told=False) for _ in range(4)]
    happen(backend.connections, as_fact(bob), told=False)
    made, everywhere = make(alice), make(root, "/api/webhook/global")

    def replayed(owner: Caller, path: str, **body: Any) -> list[int]:
        before = len(rows(backend))
        answer = owner.post(f"/api/webhook{path}/replay", json=body)
        assert answer.status_code == 200, answer.text
        new = rows(backend)[before:]
        assert answer.json["data"]["replayed"] == len(new)
        assert {row.origin for row in new} <= {"replay"}
        return [row.position for row in new]

    positions = [each.position for each in told]
    mine, all_of_them = f"/{made['id']}", f"/global/{everywhere['id']}"
    assert replayed(alice, mine, events=["session_disconnected"]) == positions
    assert replayed(alice, mine, events=["qr_updated"]) == []
    assert replayed(alice, mine, **{"from": iso(told[0].time), "to": iso(told[3].time)}) == positions
    assert replayed(alice, mine, to=iso(told[0].time - 1)) == []
    assert len(replayed(root, all_of_them, **{"from": iso(1)})) == 5
    assert replayed(root, all_of_them, session=alice.name) == positions
    first = rows(backend)[0]
    assert replayed(alice, mine, delivery=first.id) == [first.position]
    with backend.connections.transaction() as connection:
        connection.execute(deliveries.update().where(deliveries.c.id == first.id).values(state="dead"))
    assert replayed(alice, mine, dead=True) == [first.position]
    assert alice.post(f"/api/webhook{mine}/replay", json={}).status_code == 400
    assert alice.post(f"/api/webhook{mine}/replay", json={"delivery": 999_999}).status_code == 404


def test_no_more_than_a_bounded_number(alice: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flashapi.services.endpoints.AT_MOST", 1)
    make(alice)
    assert alice.post("/api/webhook", json={"url": URL}).status_code == 409
