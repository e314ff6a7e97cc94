"""A group of two real sessions and three phones, and what its members have seen."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import ClientProcess, NetworkProcess


def lid(network: NetworkProcess, number: str) -> str:
    return str(network.phone(number)["lid"])


def pn(number: str) -> str:
    return f"{number}@s.whatsapp.net"


def shown(network: NetworkProcess, number: str, group: str) -> list[tuple[str, str]]:
    """Who wrote what in the group, as the phone shows it."""
    return [(entry["from"], entry["text"]) for entry in network.inbox(number) if entry["chat"] == group]


def heard(session: ClientProcess, group: str) -> list[str]:
    """The texts that the session was given in the group so far."""
    return [one["text"] for one in session.events if one["event"] == "Message" and one["chat"] == group and one["text"]]


class Circle:
    """Two sessions with their phones and three further phones, all in one group that the first session founded."""

    def __init__(self, network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
        self.network = network
        self.alice, self.bob = new_phone("Alice"), new_phone("Bob")
        self.phones = [new_phone(name) for name in ("Carol", "Dave", "Erin")]
        self.a, self.b = new_session(), new_session()
        self.a.pair(self.alice)
        self.b.pair(self.bob)
        self.created: dict[str, Any] = self.a.ask(
            "create_group", subject="Círculo", participants=[pn(number) for number in (self.bob, *self.phones)]
        )
        self.group: str = self.created["jid"]

    @property
    def numbers(self) -> list[str]:
        return [self.alice, self.bob, *self.phones]
