"""A network for each test module, and numbers and sessions for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.harness import ClientProcess, NetworkProcess

_numbers = itertools.count(5511970000000)

NewPhone = Callable[[str], str]
NewSession = Callable[[], ClientProcess]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkProcess]:
    process = NetworkProcess(tmp_path_factory.mktemp("network"))
    yield process
    process.stop()


@pytest.fixture
def new_phone(network: NetworkProcess) -> NewPhone:
    """Makes a phone and gives its number."""

    def make(name: str) -> str:
        number = str(next(_numbers))
        network.ask("phone.create", numero=number, nome=name)
        return number

    return make


@pytest.fixture
def new_session(network: NetworkProcess, tmp_path: Path) -> Iterator[NewSession]:
    """Makes an unpaired session in a process of its own."""
    sessions: list[ClientProcess] = []

    def make() -> ClientProcess:
        name = f"session{len(sessions)}"
        sessions.append(ClientProcess(network, tmp_path / f"{name}.db", name))
        return sessions[-1]

    yield make
    for session in sessions:
        if session.process.poll() is None:
            session.close()


@pytest.fixture
def alice(new_phone: NewPhone) -> str:
    """The number of the phone that most tests are about."""
    return new_phone("Alice")


@pytest.fixture
def alice_session(new_session: NewSession, alice: str) -> ClientProcess:
    """A session linked to Alice's phone."""
    session = new_session()
    session.pair(alice)
    return session
