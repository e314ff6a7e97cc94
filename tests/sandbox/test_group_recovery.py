"""What groups and their keys survive: the end of the network's process, and the loss of a phone's keys."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sandbox.circles import Circle, lid, pn, shown
from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, wait_until


@pytest.fixture
def network(tmp_path: Path) -> Iterator[NetworkProcess]:
    """A network of the test's own, as these tests end it."""
    process = NetworkProcess(tmp_path / "data")
    yield process
    process.stop()


@pytest.fixture
def circle(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> Circle:
    return Circle(network, new_phone, new_session)


def lose_sessions_and_chain(network: NetworkProcess, number: str, group: str) -> None:
    """Make a phone forget its Signal sessions, and write on with a chain that nobody has."""
    path = network.data_dir / "sandbox" / "network.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM signal_parts WHERE account = ? AND name LIKE 'session:%'", (number,))
        part = (number, f"sender-key:{group}")
        query = "SELECT data FROM signal_parts WHERE account = ? AND name = ?"
        key = json.loads(database.execute(query, part).fetchone()[0])
        key["chain_key"] = bytes(32).hex()
        changed = json.dumps(key).encode()
        database.execute("UPDATE signal_parts SET data = ? WHERE account = ? AND name = ?", (changed, *part))


def test_groups_and_sender_keys_outlive_the_network(network: NetworkProcess, circle: Circle) -> None:
    carol = circle.phones[0]
    circle.a.send(circle.group, "antes")
    network.ask("phone.send", numero=carol, to=circle.group, text="antes da Carol")
    circle.b.wait("Message", text="antes da Carol")
    network.stop(signal.SIGKILL)
    network.start()
    circle.a.wait("Connected", patience=60)
    circle.b.wait("Connected", patience=60)
    network.ask("phone.send", numero=carol, to=circle.group, text="depois da Carol")
    for session in (circle.a, circle.b):
        session.wait("Message", text="depois da Carol")
    circle.a.send(circle.group, "depois")
    circle.b.wait("Message", text="depois")
    assert shown(network, carol, circle.group) == [(pn(circle.alice), "antes"), (pn(circle.alice), "depois")]
    assert not [one for one in circle.b.events if one["event"] == "UndecryptableMessage"]
    # Carol's key was known already, so her second message brought it to nobody again.
    repeated = [one for one in circle.b.events if one.get("content") == ["senderKeyDistributionMessage"]]
    assert len([one for one in repeated if one["sender"] == lid(network, carol)]) == 1
    info = circle.a.ask("group_info", group=circle.group)
    assert len(info["participants"]) == 5


def test_what_could_not_be_read_is_sent_again(network: NetworkProcess, circle: Circle) -> None:
    carol = circle.phones[0]
    circle.a.send(circle.group, "primeira")
    network.ask("phone.send", numero=carol, to=circle.group, text="primeira da Carol")
    for session in (circle.a, circle.b):
        session.wait("Message", text="primeira da Carol")
    network.stop()
    lose_sessions_and_chain(network, carol, circle.group)
    network.start()
    for session in (circle.a, circle.b):
        session.wait("Connected", patience=60)
    sent = network.ask("phone.send", numero=carol, to=circle.group, text="com a chave errada")
    for session in (circle.a, circle.b):
        session.wait("UndecryptableMessage", message_id=sent["id"])
        got = session.wait("Message", text="com a chave errada")
        assert (got["message_id"], got["chat"], got["sender"]) == (sent["id"], circle.group, lid(network, carol))
    circle.a.send(circle.group, "para quem perdeu a sessão")

    def read() -> list[tuple[str, str]] | None:
        entries = shown(network, carol, circle.group)
        return entries if (pn(circle.alice), "para quem perdeu a sessão") in entries else None

    entries = wait_until(read, "the second copy")
    assert entries == [(pn(circle.alice), "primeira"), (pn(circle.alice), "para quem perdeu a sessão")]
    network.ask("phone.send", numero=carol, to=circle.group, text="tudo certo")
    for session in (circle.a, circle.b):
        session.wait("Message", text="tudo certo")
        failed = [one for one in session.events if one["event"] == "UndecryptableMessage"]
        assert {one["message_id"] for one in failed} == {sent["id"]}
