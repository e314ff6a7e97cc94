"""Messages that came while a session was away are told once, and marked; those that come while it is there are not."""

from tests.support.installation import Installation
from tests.support.listeners import SocketListener


def test_messages_missed_while_the_connection_was_down_are_marked_and_told_once(
    installation: Installation, name: str
) -> None:
    alice, bob = installation.phone("5511930000001"), installation.phone("5511930000002")
    session = installation.paired(name, alice)
    with SocketListener(installation.base, session.key, events=["message_received"]) as socket:
        bob.do("send", to=alice.number, text="antes")
        socket.wait_event("message_received", lambda data: data["content"] == "antes")
        installation.api("POST", "/api/sandbox/fault", {"numero": alice.number, "kind": "down", "seconds": 3})
        session.wait_state("reconnecting")
        for number in range(5):
            bob.do("send", to=alice.number, text=f"perdida {number}")
        socket.wait_event("message_received", lambda data: data["content"] == "perdida 4")
        bob.do("send", to=alice.number, text="depois")
        socket.wait_event("message_received", lambda data: data["content"] == "depois")
        told = [(each["data"]["content"], each["data"].get("backfilled")) for each in socket.events("message_received")]
    assert told == [("antes", None), *((f"perdida {number}", True) for number in range(5)), ("depois", None)]


def test_messages_missed_in_a_crash_are_marked(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511930000003"), installation.phone("5511930000004")
    session = installation.paired(name, alice)
    with SocketListener(installation.base, session.key, events=["message_received"]) as socket:
        installation.kill("workers sessions")
        bob.do("send", to=alice.number, text="durante")
        told = socket.wait_event("message_received", lambda data: data["content"] == "durante")
        assert told["data"]["backfilled"] is True
