"""How long a QR code can be scanned, with the seconds shortened: the real ones are 60 and 20."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sandbox import linking
from sandbox.connection import ConnectionLost
from sandbox.linking import LinkExpired, Linking, LinkUnanswered
from sandbox.network import Network
from sandbox.pairing import LinkRequest
from sandbox.store import Store
from sandbox.wire import Node


class SilentClient:
    """A connection whose client shows its codes and never says a word."""

    def __init__(self) -> None:
        self.sent: list[Node] = []
        self.closing = asyncio.Event()

    def send(self, node: Node) -> None:
        self.sent.append(node)

    async def receive(self) -> Node:
        await asyncio.Event().wait()
        raise ConnectionLost

    def close_soon(self) -> None:
        self.closing.set()

    def link_requests(self) -> list[LinkRequest]:
        device = self.sent[0].child("pair-device")
        assert device is not None
        return [LinkRequest(ref.data.decode(), KEY, KEY, KEY, "1") for ref in device.children]


class Registration:
    client_static = bytes(32)


KEY = bytes(32)


@pytest.fixture
def network(tmp_path: Path) -> Any:
    store = Store(tmp_path / "network.sqlite3")
    yield Network.load(store)
    store.close()


async def shown_codes(network: Network) -> tuple[Linking, SilentClient, asyncio.Task[None]]:
    waiting, client = Linking(network), SilentClient()
    serving = asyncio.create_task(waiting.serve(client, Registration()))  # type: ignore[arg-type]
    while not client.sent:
        await asyncio.sleep(0)
    return waiting, client, serving


def test_codes_expire_one_after_the_other_and_then_the_attempt_ends(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "FIRST_REF_SECONDS", 0.2)
    monkeypatch.setattr(linking, "REF_SECONDS", 0.1)
    monkeypatch.setattr(linking, "ANSWER_SECONDS", 0.01)
    account = network.create_account("5511912345678", "Alice")

    async def scenario() -> None:
        waiting, client, serving = await shown_codes(network)
        first, second, *_, last = client.link_requests()
        # The first code's 0.2 s are over once the event loop's clock says so; the second one is good for 0.1 s more.
        await asyncio.sleep(0.22)
        with pytest.raises(LinkExpired):
            await waiting.scan(account, first)
        with pytest.raises(LinkUnanswered):  # still good: the client was asked, and is the one that says nothing
            await waiting.scan(account, second)
        await serving
        assert client.closing.is_set()
        with pytest.raises(LinkExpired):
            await waiting.scan(account, last)

    asyncio.run(scenario())
    assert not account.devices


def test_six_codes_are_given(network: Network) -> None:
    async def scenario() -> None:
        _, client, serving = await shown_codes(network)
        assert len({request.ref for request in client.link_requests()}) == 6
        serving.cancel()

    asyncio.run(scenario())
