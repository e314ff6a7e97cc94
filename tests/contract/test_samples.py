"""The pairs recorded from the original, replayed: same status, same fields, same texts, or a difference listed.

`DIFFERENCES` must hold exactly what is found, so that neither a new difference nor one that has gone stays unnoticed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.contract.comparing import differences
from tests.contract.listed import DIFFERENCES
from tests.support.installation import GLOBAL_KEY, Installation, Phone
from tests.support.listeners import WebhookReceiver
from tests.support.servers import wait_until

SAMPLES = json.loads((Path(__file__).parent / "samples.json").read_text())
PAIRS = {pair["name"]: pair for pair in SAMPLES["http"]}
KEY = PAIRS["create"]["body"]["apikey"]
EVENTS = ["message_received", "message_update"]
FRAMES = ["welcome with headers", "welcome", "pong", "unknown type", "not JSON", *EVENTS[::-1]]


class Stage:
    """The session of the recording, its phone, and those who are told."""

    def __init__(self, installation: Installation, globally: WebhookReceiver, own: WebhookReceiver) -> None:
        self.installation = installation
        self.globally = globally
        self.own = own
        self.phone = Phone(installation, {"numero": "", "jid": "", "lid": ""})
        self.answers: dict[str, requests.Response] = {}
        self.frames: dict[str, dict[str, Any]] = {}

    def play(self) -> None:
        """The whole recording, in its order."""
        self.phone = self.installation.phone("5521988887777", "Sessão")
        friend = self.installation.phone("5511999999999", "Fulano")
        for name in PAIRS:
            if name == "status":
                self._connect()
            self.answers[name] = self._ask(PAIRS[name])
        with_headers = [f"apikey: {KEY}", "modo: client", f"events: {json.dumps(EVENTS, separators=(',', ':'))}"]
        address = f"ws{self.installation.base.removeprefix('http')}/ws"
        socket = websocket.create_connection(address, timeout=30, header=with_headers)
        try:
            for greeting in FRAMES[:2]:  # from then on nothing is missed
                self.frames[greeting] = json.loads(socket.recv())
            for said in ('{"type": "ping"}', '{"type": "what"}', "not JSON"):
                socket.send(said)
            friend.do("send", to=self.phone.number, text="Texto da mensagem")
            self.installation.api("POST", "/api/chat/send-text", {"to": friend.number, "text": "Olá"}, KEY)
            answers = iter(FRAMES[2 : -len(EVENTS)])
            while not self.frames.keys() >= set(FRAMES):
                frame = json.loads(socket.recv())
                if frame["type"] != "event":
                    self.frames[next(answers)] = frame
                elif _is_recorded(frame["event"], frame["data"]):
                    self.frames[frame["event"]] = frame
        finally:
            socket.close()

    def _connect(self) -> None:
        self.phone.do("scan", qrcode=self.answers["recover QR and code"].json()["qrcode"])
        wait_until(lambda: self._ask(PAIRS["status"]).json()["data"]["status"] == "connected", "connected")

    def _ask(self, pair: dict[str, Any]) -> requests.Response:
        key = {"global": GLOBAL_KEY, "session": KEY, "wrong": "nope", None: ""}[pair["key"]]
        body = pair["body"]
        if pair["path"].endswith("/create_sessao"):
            body = {**body, "sandbox": True}
        if pair["name"] == "webhook":
            body = {**body, "webhookUrl": self.own.url}
        return self.installation.request(pair["method"], pair["path"], body, key)


def _is_recorded(event: str, data: dict[str, Any]) -> bool:
    """Whether an event is the like of a recorded one: a delivery, and a message that came in."""
    return data.get("status") == "delivered" if event == "message_update" else not data.get("fromMe")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with WebhookReceiver() as globally, WebhookReceiver() as own:
        environ = {"ENABLE_GLOBAL_WEBHOOK": "true", "GLOBAL_WEBHOOK_URL": globally.url, "TZ": "America/Sao_Paulo"}
        with Installation(tmp_path_factory.mktemp("samples"), environ) as running:
            made = Stage(running.start(), globally, own)
            made.play()
            yield made


def check(stage: Stage, sample: str, recorded: Any, ours: Any) -> None:
    """Compare, with key and id by their names; what is found must be what is listed."""
    session_id = stage.answers["create"].json()["dados"]["id"]
    before = json.loads(json.dumps(recorded).replace(KEY, "<key>"))
    now = json.loads(json.dumps(ours).replace(KEY, "<key>").replace(session_id, "<id>"))
    assert differences(before, now) == DIFFERENCES.get(sample, {}).keys()


@pytest.mark.parametrize("name", PAIRS)
def test_an_answer(stage: Stage, name: str) -> None:
    answer = stage.answers[name]
    recorded = json.loads(json.dumps(PAIRS[name]["answer"]).replace("http://127.0.0.1:3190/sess", stage.own.url))
    assert answer.status_code == PAIRS[name]["status"]
    assert answer.headers["Content-Type"].startswith("application/json")
    check(stage, name, recorded, answer.json())


@pytest.mark.parametrize("name, recorded", list(zip(FRAMES, SAMPLES["frames"], strict=True)), ids=FRAMES)
def test_a_frame(stage: Stage, name: str, recorded: dict[str, Any]) -> None:
    check(stage, f"frame {name}", recorded, stage.frames[name])


@pytest.mark.parametrize("recorded", SAMPLES["deliveries"], ids=lambda each: f"{each['path']} {each['body']['event']}")
def test_a_delivery(stage: Stage, recorded: dict[str, Any]) -> None:
    receiver = stage.globally if recorded["path"] == "/global" else stage.own
    event = recorded["body"]["event"]
    body = receiver.wait_event(event, lambda data: _is_recorded(event, data))
    headers = receiver.headers[receiver.bodies.index(body)]
    ours = {name: headers.get(name) for name in recorded["headers"]}
    check(stage, f"headers {recorded['path']}", recorded["headers"], ours)
    check(stage, f"delivery {event}", recorded["body"], body)


def test_what_is_listed_belongs_to_a_sample() -> None:
    samples = {*PAIRS, *(f"frame {name}" for name in FRAMES), "headers /global", "headers /sess"}
    assert DIFFERENCES.keys() <= samples | {f"delivery {event}" for event in EVENTS}
