"""A recipient that couldn't decrypt asks for another copy: whatsmeow has it in memory, so not after a restart."""

import threading

from tests.support.installation import Installation, Phone, Session
from tests.support.servers import wait_until


def send_unreadable(session: Session, bob: Phone, number: str, late_ms: int) -> threading.Thread:
    """Send "ilegível", whose first copy arrives unreadable; what comes back to the session for it is late."""
    for fault in ({"kind": "garble", "count": 1}, {"kind": "slow", "ms": late_ms}):
        session.installation.api("POST", "/api/sandbox/fault", {"numero": number, **fault})
    sending = threading.Thread(target=session.try_send, args=(bob.number, "ilegível"))
    sending.start()
    wait_until(lambda: "undecryptable" in [each["type"] for each in bob.inbox()], "the phone can't read it")
    return sending


def test_an_unreadable_message_is_sent_again(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511930000011"), installation.phone("5511930000012")
    session = installation.paired(name, alice)
    session.send(bob.number, "primeira")
    sending = send_unreadable(session, bob, alice.number, 1_500)
    bob.wait_text("ilegível")
    sending.join()
    installation.api("DELETE", "/api/sandbox/fault")


def test_after_a_restart_of_the_worker_it_is_not(installation: Installation, name: str) -> None:
    """What neonize does not allow (docs/limits.md); if this fails, it allows it now, and the limit is to be struck."""
    alice, bob = installation.phone("5511930000013"), installation.phone("5511930000014")
    session = installation.paired(name, alice)
    session.send(bob.number, "primeira")
    sending = send_unreadable(session, bob, alice.number, 4_000)  # the worker dies before it hears of the request
    installation.kill("workers sessions")
    installation.api("DELETE", "/api/sandbox/fault")
    sending.join()
    session.wait_state("connected")
    session.send(bob.number, "depois")
    bob.wait_text("depois")
    assert "ilegível" not in bob.texts()
