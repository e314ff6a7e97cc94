"""What runs about events share: a phone that writes steadily, a client that is cut off and comes back, the account."""

import json
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import redis
import requests
import websocket

from tests.support.installation import Installation, Phone, Session
from tests.support.servers import wait_until

NAMES = ["message_received", "chats_update", "contacts_update", "message_update", "session_disconnected"]
UNFINISHED = ("waiting", "slow")


def pair(running: Installation, number: int) -> tuple[Session, Phone, Phone]:
    """A connected session, its phone, and another phone that writes to it."""
    own = running.phone(f"55119400{number:05d}")
    return running.paired(f"eventos-{number}", own), own, friend(running, number)


def friend(running: Installation, number: int) -> Phone:
    """A phone that writes to sessions."""
    return running.phone(f"55119500{number:05d}")


class Writer:
    """A phone that sends texts to a session, so many a second; what an outage of the API delays, it makes up for."""

    def __init__(self, phone: Phone, to: Phone, per_second: float, count: int | None = None) -> None:
        self.phone = phone
        self.to = to
        self.pause = 1 / per_second
        self.count = count
        self.sent = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Send no more."""
        self.ended.set()
        self.thread.join()

    @property
    def texts(self) -> list[str]:
        """The texts sent so far."""
        return [self._text(number) for number in range(self.sent)]

    @property
    def last_text(self) -> str:
        """The text of the message sent last."""
        return self._text(self.sent - 1)

    def _text(self, number: int) -> str:
        return f"texto {number} de {self.phone.number}"

    def _write(self) -> None:
        http = requests.Session()
        http.trust_env = False
        url = f"{self.phone.installation.base}/api/sandbox/phone/{self.phone.number}/send"
        headers = {"apikey": self.phone.installation.environ["GLOBAL_API_KEY"]}
        due = time.monotonic()
        while not self.ended.is_set() and self.sent != self.count:
            body = {"to": self.to.number, "text": self._text(self.sent)}
            with suppress(requests.RequestException):  # the web tier is away: the same text again
                if http.post(url, json=body, headers=headers, timeout=10).ok:
                    self.sent += 1
            due += self.pause
            self.ended.wait(max(0.0, due - time.monotonic()))
        http.close()


class Returning:
    """A WebSocket client that connects again whenever it has lost its connection, from the last event it got."""

    def __init__(self, installation: Installation, session: Session, last: str | None) -> None:
        self.installation = installation
        self.session = session
        self.ids: dict[str, None] = {}
        self.repeated = 0
        self.logins = 0
        self.gone = 0
        self.last = last
        self.ended = threading.Event()
        self.socket: websocket.WebSocket | None = None
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Returning":
        self.thread.start()
        wait_until(lambda: self.logins, "the client is in")
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.cut()
        self.thread.join()

    def cut(self) -> None:
        """Lose the connection, as a killed client would: what is on its way is lost."""
        socket = self.socket
        if socket is not None and socket.sock is not None:
            with suppress(OSError):
                socket.sock.shutdown(2)

    def _run(self) -> None:
        address = f"ws{self.installation.base.removeprefix('http')}/ws"
        while not self.ended.is_set():
            try:
                self.socket = websocket.create_connection(address, timeout=30)
                self._converse(self.socket)
            except (OSError, websocket.WebSocketException, ValueError):
                self.ended.wait(0.1)
            finally:
                if self.socket is not None:
                    self.socket.shutdown()

    def _converse(self, socket: websocket.WebSocket) -> None:
        auth = {"type": "auth", "secret": self.session.key, "modo": "client", "events": NAMES}
        socket.send(json.dumps({**auth, "lastEventId": self.last}))
        while not self.ended.is_set():
            frame = json.loads(socket.recv())
            if frame["type"] == "auth_success":
                self.logins += 1
            elif frame["type"] == "replay":
                self.gone += frame["gone"]
            elif frame["type"] == "event":
                self.repeated += frame["id"] in self.ids
                self.ids[frame["id"]] = None
                self.last = frame["id"]


def log_since(installation: Installation, key: str, after: str | None) -> list[dict[str, Any]]:
    """Everything the event log has behind an event, for the holder of this key."""
    found: list[dict[str, Any]] = []
    while True:
        query = f"?limit=1000{f'&after={after}' if after else ''}"
        page = installation.api("GET", f"/api/events{query}", key=key)["data"]
        found += page["events"]
        after = page["last"]
        if len(page["events"]) < 1_000:
            return found


def last_event(installation: Installation, key: str) -> str | None:
    """The id of the newest event."""
    found = log_since(installation, key, None)
    return found[-1]["id"] if found else None


def deliveries_of(session: Session, webhook: str) -> list[dict[str, Any]]:
    """The whole log of an endpoint, the oldest first."""
    found: list[dict[str, Any]] = []
    before = ""
    while True:
        path = f"/api/webhook/{webhook}/deliveries?limit=500{before}"
        page = session.api("GET", path)["data"]
        found += page["deliveries"]
        if page["nextBefore"] is None:
            return found[::-1]
        before = f"&before={page['nextBefore']}"


def wait_delivered(session: Session, webhook: str, seconds: float) -> bool:
    """Wait until nothing of an endpoint is left to deliver; False if something is after so long."""

    def done() -> bool:
        left = session.api("GET", f"/api/webhook/{webhook}")["data"]["deliveries"]
        return not any(left[state] for state in UNFINISHED)

    with suppress(AssertionError):
        return bool(wait_until(done, "everything is delivered", seconds))
    return False


def wait_quiet(installation: Installation, session: Session, text: str, seconds: float) -> None:
    """Wait until the session has told of this text."""

    def told() -> bool:
        try:
            newest = session.api("GET", "/api/chat/messages?limit=20")["data"]["messages"]
        except (AssertionError, requests.RequestException):
            return False  # something is still coming back
        return any(text in json.dumps(each["conteudo_mensagem"]) for each in newest)

    wait_until(told, f"the session has {text!r}", seconds)


def flush_redis(installation: Installation) -> None:
    """FLUSHALL."""
    with redis.Redis(unix_socket_path=str(installation.data_dir / "redis" / "redis.sock")) as client:
        client.flushall()


@dataclass
class Account:
    """Events recorded, and what became of them at an endpoint and at a WebSocket client of the session."""

    recorded: int = 0
    states: Counter[str] = field(default_factory=Counter)
    unaccounted: int = 0
    """Events without exactly one delivery, deliveries without an event."""
    missing_at_receiver: int = 0
    """Called delivered, but never seen there."""
    repeated_at_receiver: int = 0
    out_of_order_at_receiver: int = 0
    missing_at_client: int = 0
    repeated_at_client: int = 0
    out_of_order_at_client: int = 0
    messages: int = 0
    """What phones have sent."""
    untold: int = 0
    """Of these, what no event tells of."""

    def add(self, other: "Account") -> None:
        """Take in what another session's account says."""
        for each in fields(self):
            value = getattr(self, each.name)
            setattr(self, each.name, value + getattr(other, each.name))

    @property
    def balanced(self) -> bool:
        """Whether recorded = delivered + dead letters + still waiting, and nothing else."""
        return not self.unaccounted and self.recorded == sum(self.states.values())

    @property
    def faultless(self) -> bool:
        """Whether every event is where it belongs, in its order."""
        wrong = (self.missing_at_receiver, self.out_of_order_at_receiver, self.missing_at_client, self.untold)
        return self.balanced and not any(wrong) and not self.out_of_order_at_client


def take_account(
    log: list[dict[str, Any]], deliveries: list[dict[str, Any]], received: list[str], client: Returning | None
) -> Account:
    """Compare the event log, the delivery log, what the receiver took and what the client heard."""
    expected = [event["id"] for event in log]
    account = Account(recorded=len(expected))
    rows = Counter(each["eventId"] for each in deliveries)
    account.unaccounted = sum(abs(rows[each] - 1) for each in expected) + sum(
        count for each, count in rows.items() if each not in set(expected)
    )
    account.states.update(each["state"] for each in deliveries)
    first_seen = list(dict.fromkeys(received))
    delivered = {each["eventId"] for each in deliveries if each["state"] == "delivered"}
    account.missing_at_receiver = len(delivered - set(first_seen))
    account.repeated_at_receiver = len(received) - len(first_seen)
    account.out_of_order_at_receiver = inversions(expected, first_seen)
    if client is not None:
        wanted = [event["id"] for event in log if event["event"] in NAMES]
        account.missing_at_client = len(set(wanted) - client.ids.keys())
        account.repeated_at_client = client.repeated
        account.out_of_order_at_client = inversions(wanted, list(client.ids))
    return account


def inversions(expected: list[str], got: list[str]) -> int:
    """How many came after one that they should have come before."""
    place = {each: number for number, each in enumerate(expected)}
    numbers = [place[each] for each in got if each in place]
    return sum(after < before for before, after in zip(numbers, numbers[1:], strict=False))


def milliseconds(moment: str) -> int:
    """The moment in a webhook's body, as milliseconds since the epoch."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


def begin(session: Session, url: str, events: list[str] | None = None) -> tuple[dict[str, Any], str | None]:
    """A webhook, and the last event before it: whatever comes after that is delivered there."""
    while True:
        before = last_event(session.installation, session.key)
        made = session.api("POST", "/api/webhook", {"url": url, "events": events})["data"]
        if last_event(session.installation, session.key) == before:
            return dict(made), before
        session.api("DELETE", f"/api/webhook/{made['id']}")
