"""Phones and the real client's libsignal: lost state, reordered and repeated messages, devices linked anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused, wait_until

ALICE, BOB = "5511912345678", "5511912345679"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[NetworkProcess]:
    process = NetworkProcess(tmp_path)
    for number, name in ((ALICE, "Alice"), (BOB, "Bob")):
        process.ask("phone.create", numero=number, nome=name)
    yield process
    process.stop()


@pytest.fixture
def client(network: NetworkProcess, tmp_path: Path) -> Iterator[ClientProcess]:
    """A session linked to Alice's phone that has exchanged messages with Bob's."""
    process = ClientProcess(network, tmp_path / "alice.db", "alice")
    pair(network, process)
    converse(network, process)
    yield process
    process.close()


def pair(network: NetworkProcess, client: ClientProcess) -> None:
    client.ask("connect")
    network.ask("phone.scan", numero=ALICE, qrcode=client.wait("qr")["text"])
    client.wait("Connected")


def converse(network: NetworkProcess, client: ClientProcess) -> None:
    sent = client.ask("send", to=BOB, text="ping")["id"]
    wait_until(lambda: True if sent in shown(network) else None, "the message at Bob's phone")
    network.ask("phone.send", numero=BOB, to=ALICE, text=f"pong {sent}")
    client.wait("Message", text=f"pong {sent}")


def shown(network: NetworkProcess) -> dict[str, str]:
    """What Bob's phone shows, by message id: the text, or the type of what has none."""
    return {message["id"]: message["text"] or message["type"] for message in network.inbox(BOB)}


def alter(code: str) -> str:
    """A pairing code that is another one, but well formed."""
    return code[:-1] + ("2" if code[-1] == "1" else "1")


def edit_network(network: NetworkProcess, statement: str, *values: object) -> None:
    """Change what the stopped network remembers."""
    with closing(sqlite3.connect(network.data_dir / "sandbox" / "network.sqlite3")) as database, database:
        assert database.execute(statement, values).rowcount > 0


def edit_client(client: ClientProcess, statement: str) -> None:
    """Change what the stopped client remembers."""
    with closing(sqlite3.connect(client.store)) as database, database:
        assert database.execute(statement).rowcount > 0


def reopen(network: NetworkProcess, client: ClientProcess) -> ClientProcess:
    """The session in a new process, from its store."""
    again = ClientProcess(network, client.store, client.name)
    again.ask("connect")
    again.wait("Connected")
    return again


def test_a_phone_that_lost_its_sessions_asks_again_and_reads(network: NetworkProcess, client: ClientProcess) -> None:
    network.stop()
    edit_network(network, "DELETE FROM signal_parts WHERE account = ? AND name LIKE 'session:%'", BOB)
    network.start()
    client.wait("Connected", patience=60)
    sent = client.ask("send", to=BOB, text="for a phone that forgot")["id"]
    wait_until(lambda: True if shown(network).get(sent) == "for a phone that forgot" else None, "the text")
    converse(network, client)


def test_a_client_that_lost_its_sessions_is_sent_to_again(network: NetworkProcess, client: ClientProcess) -> None:
    client.close()
    edit_client(client, "DELETE FROM whatsmeow_sessions")
    client = reopen(network, client)
    try:
        network.ask("phone.send", numero=BOB, to=ALICE, text="for a client that forgot")
        client.wait("UndecryptableMessage")
        client.wait("Message", text="for a client that forgot")
        converse(network, client)
    finally:
        client.close()


def test_a_client_that_lost_its_sessions_begins_another(network: NetworkProcess, client: ClientProcess) -> None:
    client.close()
    edit_client(client, "DELETE FROM whatsmeow_sessions")
    client = reopen(network, client)
    try:
        converse(network, client)
    finally:
        client.close()
    assert "undecryptable" not in shown(network).values()


def test_messages_are_read_in_any_order_and_once(network: NetworkProcess, client: ClientProcess) -> None:
    client.close()
    texts = [f"number {position}" for position in range(5)]
    for text in texts:
        network.ask("phone.send", numero=BOB, to=ALICE, text=text)
    network.stop()
    waiting = "account = ? AND tag = 'message'"
    edit_network(network, f"UPDATE stanzas SET position = 1000000 - position WHERE {waiting}", ALICE)
    columns = "account, device, tag, id, peer, type, node"
    edit_network(network, f"INSERT INTO stanzas ({columns}) SELECT {columns} FROM stanzas WHERE {waiting}", ALICE)
    network.start()
    client = reopen(network, client)
    try:
        # The last one first: while it sends, whatsmeow keeps a session in memory and writes it back over what a message
        # received meanwhile has made of it (PutCachedSessions), and would then read that message's copy, too.
        client.wait("Message", text=texts[0])
        converse(network, client)
        assert [event["text"] for event in client.events if event.get("text") in texts] == texts[::-1]
    finally:
        client.close()


def test_first_messages_that_cross_are_both_read(network: NetworkProcess, tmp_path: Path) -> None:
    client = ClientProcess(network, tmp_path / "alice.db", "alice")
    try:
        pair(network, client)
        client.ask("stop")
        client.wait("connect_returned")
        network.ask("phone.send", numero=BOB, to=ALICE, text="from the phone")
        network.stop()
        hold = "UPDATE stanzas SET account = ? WHERE account = ? AND tag = 'message'"
        edit_network(network, hold, "held back", ALICE)
        network.start()
        client.ask("connect")
        client.wait("Connected")
        sent = client.ask("send", to=BOB, text="from the client")["id"]
        network.stop()
        edit_network(network, hold, ALICE, "held back")
        network.start()
        client.wait("Message", text="from the phone")
        wait_until(lambda: True if shown(network).get(sent) == "from the client" else None, "the text")
        for _ in range(3):
            converse(network, client)
        assert "UndecryptableMessage" not in [event["event"] for event in client.events]
    finally:
        client.close()
    assert "undecryptable" not in shown(network).values()


def test_a_device_linked_anew_is_written_to(network: NetworkProcess, client: ClientProcess) -> None:
    network.ask("phone.unlink", numero=ALICE)
    client.wait("LoggedOut")
    client.close()
    client.store.unlink()
    again = ClientProcess(network, client.store, "again")
    try:
        pair(network, again)
        converse(network, again)
        assert network.phone(ALICE)["devices"] == 1
    finally:
        again.close()


def test_a_wrong_code_is_refused_and_the_right_one_still_links(network: NetworkProcess, tmp_path: Path) -> None:
    client = ClientProcess(network, tmp_path / "alice.db", "alice")
    try:
        client.ask("connect")
        client.wait("qr")
        code = client.ask("pair_phone", number=ALICE)
        with pytest.raises(Refused) as refusal:
            network.ask("phone.code", numero=ALICE, code=alter(code))
        assert refusal.value.status == 400
        network.ask("phone.code", numero=ALICE, code=code.lower())
        client.wait("Connected")
        converse(network, client)
    finally:
        client.close()
