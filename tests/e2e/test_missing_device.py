"""A paired session whose device's keys are not on the machine: it says so, and nothing of its pairing is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation, Phone, Session, timed
from tests.support.servers import wait_until


class Stranded:
    """A session that was paired, in an installation that came back without its device's file."""

    def __init__(self, running: Installation) -> None:
        self.running = running
        self.phone: Phone = running.phone("5511922230001")
        self.session: Session = running.paired("sem-aparelho", self.phone)
        running.stop()
        for path in self.files():
            path.rename(self._aside(path))
        running.start()
        self.session.wait_state("disconnected")

    def files(self) -> list[Path]:
        """The device's files where they belong."""
        return list((self.running.data_dir / "devices").glob(f"{self.session.id}.db*"))

    def put_back(self) -> None:
        """Restore them."""
        for path in self.running.folder.glob(f"{self.session.id}.db*"):
            path.rename(self.running.data_dir / "devices" / path.name)

    def _aside(self, path: Path) -> Path:
        return self.running.folder / path.name


@pytest.fixture
def stranded(make_installation: Callable[..., Installation]) -> Iterator[Stranded]:
    yield Stranded(make_installation().start())


def test_it_says_so_and_comes_back_with_its_keys(stranded: Stranded) -> None:
    session, running = stranded.session, stranded.running
    status = session.status()
    assert status["disconnectReason"] == "device_missing" and status["paired"] is True
    told = session.api("GET", "/api/events?events=session_disconnected&events=qr_updated")["data"]["events"]
    assert told[-1]["event"] == "session_disconnected" and told[-1]["data"] == {"reason": "device_missing"}
    (logged,) = [line for line in running.log_lines() if line["event"] == "device_missing"]
    assert logged["level"] == "error" and logged["session"] == session.id
    assert stranded.files() == []

    refused = running.request("PUT", "/api/session/conectar_sessao", {}, session.key)
    assert refused.status_code == 409 and "DATA_DIR/devices" in refused.json()["message"]
    logins = stranded.phone.logins()
    stranded.put_back()
    running.request("PUT", "/api/session/conectar_sessao", {}, session.key)
    session.wait_state("connected")
    assert session.status()["disconnectReason"] is None
    assert stranded.phone.logins() == logins + 1


def test_it_is_logged_out_at_once_and_can_be_paired_anew(stranded: Stranded) -> None:
    session = stranded.session
    assert timed(lambda: session.api("DELETE", f"/api/session/desconect/{session.id}")) < 9
    wait_until(lambda: not session.status()["paired"], "it is logged out", 5)
    assert session.status()["disconnectReason"] == "logged_out"
    session.qrcode = None
    session.pair(stranded.phone)
    assert session.send(stranded.phone.number, "de novo")["id"]


def test_it_is_deleted_at_once(stranded: Stranded) -> None:
    session, running = stranded.session, stranded.running
    running.api("DELETE", f"/api/session/delete/{session.id}")
    wait_until(
        lambda: [line for line in running.log_lines() if line["event"] == "session_deleted"], "its rows are gone", 15
    )
