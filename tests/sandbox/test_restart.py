"""What survives the network's own process: everything that was acknowledged, and the sessions' links."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, wait_until


@pytest.fixture
def network(tmp_path: Path) -> Iterator[NetworkProcess]:
    """A network of the test's own, as these tests end it."""
    process = NetworkProcess(tmp_path / "data")
    yield process
    process.stop()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_sessions_go_on_after_the_network_was_away(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession, end: signal.Signals
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    before = session.send(bob, "antes")
    network.wait_inbox(bob, 1)
    patched = (network.client_folder / "neonize").stat().st_ino
    assert network.stop(end) < 2
    session.wait("Disconnected")
    network.start()
    assert (network.client_folder / "neonize").stat().st_ino == patched  # same port, same keys: nothing to rewrite
    session.wait("Connected", patience=60)
    after = session.send(bob, "depois")
    assert [shown["id"] for shown in network.wait_inbox(bob, 2)] == [before["id"], after["id"]]
    network.ask("phone.send", numero=bob, to=alice, text="resposta")
    session.wait("Message", text="resposta")
    assert network.phone(alice)["logins"] == 2


def test_what_waits_for_a_session_outlives_the_network(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    session.close()
    ids = [network.ask("phone.send", numero=bob, to=alice, text=f"{index}")["id"] for index in range(10)]
    network.stop(signal.SIGKILL)
    network.start()
    again = session.restart()
    try:
        lid = network.phone(bob)["lid"]
        assert [again.wait("Message", chat=lid)["message_id"] for _ in range(10)] == ids
    finally:
        again.close()


def test_a_session_whose_prekeys_run_out_uploads_more(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, carol, session = new_phone("Alice"), new_phone("Bob"), new_phone("Carol"), new_session()
    session.pair(alice)
    database = network.data_dir / "sandbox" / "network.sqlite3"

    def prekeys() -> int:
        with closing(sqlite3.connect(database)) as connection:
            count = connection.execute("SELECT count(*) FROM prekeys WHERE account = ?", (alice,))
            return int(count.fetchone()[0])

    assert prekeys() > 800
    network.stop()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "DELETE FROM prekeys WHERE account = ? AND id NOT IN (SELECT id FROM prekeys WHERE account = ? LIMIT 6)",
            (alice, alice),
        )
    network.start()
    session.wait("Connected", patience=60)
    assert prekeys() == 6
    for phone in (bob, carol):
        network.ask("phone.send", numero=phone, to=alice, text=f"de {phone}")
        session.wait("Message", text=f"de {phone}")
    wait_until(lambda: True if prekeys() > 40 else None, "new prekeys")


def test_a_session_that_was_unlinked_stays_so(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    session.close()
    network.ask("phone.unlink", numero=alice)
    network.stop()
    network.start()
    again = session.restart()
    try:
        assert again.wait("LoggedOut")["on_connect"] is True
    finally:
        again.close()
