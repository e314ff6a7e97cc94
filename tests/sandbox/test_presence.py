"""Who is seen online and typing, by sessions and by phones."""

from __future__ import annotations

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import ClientProcess, NetworkProcess, wait_until

COMPOSING, PAUSED = 1, 2  # neonize's numbers


def show(session: ClientProcess) -> None:
    """Become available, as soon as the session has learned its name from the app state."""

    def attempt() -> bool | None:
        try:
            session.ask("show", available=True)
        except RuntimeError as error:
            assert "PushName" in str(error)
            return None
        return True

    wait_until(attempt, "the push name")


def test_a_session_learns_the_name_that_the_phone_has(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    show(session)
    session.send(bob, "oi")
    session.ask("set_profile_name", name="Alice Nova")
    wait_until(lambda: True if network.phone(alice)["nome"] == "Alice Nova" else None, "the new name")
    again = session.restart()
    try:
        again.wait("Connected")
        show(again)  # the name is in the session's own store by now
        assert network.phone(alice)["nome"] == "Alice Nova"
    finally:
        again.close()


def test_a_session_sees_a_phone_come_and_go(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    show(session)
    session.ask("subscribe", to=bob)
    assert session.wait("Presence")["unavailable"] is True
    network.ask("phone.presence", numero=bob, available=True)
    assert session.wait("Presence")["unavailable"] is False
    network.ask("phone.presence", numero=bob, available=False)
    gone = session.wait("Presence")
    assert gone["unavailable"] is True and gone["last_seen"] > 0
    assert gone["from"] == f"{bob}@s.whatsapp.net"


def test_a_session_that_disappears_is_unavailable(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob = new_phone("Alice"), new_phone("Bob")
    a, b = new_session(), new_session()
    a.pair(alice)
    b.pair(bob)
    show(a)
    show(b)
    a.ask("subscribe", to=bob)
    assert a.wait("Presence")["unavailable"] is False
    b.close()
    assert a.wait("Presence")["unavailable"] is True


def test_typing_is_seen_on_both_sides(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    network.ask("phone.typing", numero=bob, to=alice, typing=True)
    assert session.wait("ChatPresence")["state"] == COMPOSING
    network.ask("phone.typing", numero=bob, to=alice, typing=False)
    assert session.wait("ChatPresence")["state"] == PAUSED

    session.ask("type", to=bob, typing=True)
    session.ask("type", to=bob, typing=False)

    def noticed() -> list[str] | None:
        kinds = [entry["kind"] for entry in network.ask("phone.activity", numero=bob)["activity"]]
        return kinds if len(kinds) == 2 else None

    assert wait_until(noticed, "two signs of typing") == ["composing", "paused"]
