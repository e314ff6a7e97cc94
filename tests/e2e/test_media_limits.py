"""Files that are too much for the installation: refused by what their sender says of them, and by what they are."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support import samples
from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

LIMIT = 2_000_000
HUGE_MB = 128
GROWTH_MB = 40
REFUSED = (413, f"O arquivo passa do limite de {LIMIT} bytes")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    environ = {"MEDIA_LIMIT_BYTES": str(LIMIT), "RATE_LIMIT_MAX_REQUESTS": "100000"}
    with Installation(tmp_path_factory.mktemp("installation"), environ) as installation:
        yield installation.start()


@pytest.fixture(scope="module")
def bob(running: Installation) -> Phone:
    return running.phone("5511966670002", "Bob")


@pytest.fixture(scope="module")
def alice(running: Installation) -> Phone:
    return running.phone("5511966670001", "Alice")


@pytest.fixture(scope="module")
def session(running: Installation, alice: Phone) -> Session:
    return running.paired("limites", alice)


def received(session: Session, alice: Phone, bob: Phone, **fields: object) -> str:
    """The id of a document that Bob has sent, once the session has stored it."""
    sent = bob.do("send", to=alice.number, type="document", fileName="filme.bin", **fields)
    path = f"/api/chat/messages/{sent['id']}"
    wait_until(lambda: session.installation.request("GET", path, key=session.key).ok, "the message is stored")
    return str(sent["id"])


def download(session: Session, message_id: str) -> requests.Response:
    return session.installation.request("GET", f"/api/chat/media/{message_id}", key=session.key)


def refusal(answer: requests.Response) -> tuple[int, str]:
    assert answer.json()["success"] is False
    return answer.status_code, answer.json()["message"]


def peak_mb(pid: int, field: str = "VmHWM") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def test_a_file_that_says_it_is_too_large_is_not_fetched(session: Session, alice: Phone, bob: Phone) -> None:
    message_id = received(session, alice, bob, size=1_000, declaredSize=LIMIT + 1)
    assert refusal(download(session, message_id)) == REFUSED
    fits = received(session, alice, bob, size=LIMIT)
    assert len(download(session, fits).content) == LIMIT


def test_a_file_that_is_larger_than_it_says_costs_no_memory(
    running: Installation, session: Session, alice: Phone, bob: Phone
) -> None:
    message_id = received(session, alice, bob, size=HUGE_MB << 20, declaredSize=1_000)
    workers = running.pids("workers sessions")
    for pid in workers:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins now
    before = {pid: peak_mb(pid, "VmRSS") for pid in workers}
    assert refusal(download(session, message_id)) == REFUSED
    assert running.pids("workers sessions") == workers, "a worker has died"
    grown = {pid: peak_mb(pid) - before[pid] for pid in workers}
    assert max(grown.values()) < GROWTH_MB, grown
    assert not list((running.data_dir / "media").glob("*.part"))


def test_events_of_files_that_lie_come_without_them(
    running: Installation, session: Session, alice: Phone, bob: Phone
) -> None:
    session.api("PUT", "/api/config/config", {"mediaBase64": True})
    content = samples.picture()
    with SocketListener(running.base, session.key, events=["message_received"]) as socket:
        liar = bob.do("send", to=alice.number, type="image", size=LIMIT + 1, declaredSize=len(content))
        honest = bob.do("send", to=alice.number, type="image", data=base64.b64encode(content).decode())
        told = {
            sent["id"]: socket.wait_event("message_received", lambda data, id=sent["id"]: data["id"] == id)["data"]
            for sent in (liar, honest)
        }
    assert "base64" not in told[liar["id"]]["message"]["message"]["imageMessage"]
    image = told[honest["id"]]["message"]["message"]["imageMessage"]
    assert hashlib.sha256(base64.b64decode(image["base64"])).hexdigest() == honest["sha256"]
