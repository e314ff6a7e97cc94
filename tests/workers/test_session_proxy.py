"""The proxy a session's client really dials: the judged address, and another one when the name has moved."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from flashapi import addresses, proxies
from flashapi.connections import Connections
from flashapi.models.sessions import sessions
from flashapi.settings import Settings
from tests.support.resolving import resolved_as
from tests.support.servers import wait_until
from tests.workers.rows import add_session
from tests.workers.serving import SlowClient, connect, lease_of, row_of, tools_of
from workers import session_proxy
from workers.live_session import LiveSession
from workers.login import Phase
from workers.tools import Tools

TO_WHATSAPP = {"socks5": b"\x05", "http": b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\n"}
"""How a client begins to speak to a proxy of each kind."""


class Door:
    """Takes down the first bytes of whoever comes to `address`, and closes."""

    def __init__(self, address: str, port: int = 0) -> None:
        self.said: list[bytes] = []
        self._listener = socket.create_server((address, port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> "Door":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self.said.append(client.recv(4_096))


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world in which 127.0.0.0/29 is the public Internet."""
    internet = ipaddress.ip_network("127.0.0.0/29")
    for module in (addresses, proxies):
        monkeypatch.setattr(module, "is_public", lambda address: address in internet)


@contextmanager
def session_through(
    proxy: str, database: Settings, connections: Connections
) -> Iterator[tuple[LiveSession, Tools]]:
    """A session of this proxy, not begun yet, where private addresses are not allowed."""
    row = row_of(connections, add_session(connections, proxy=proxy, paired=False))
    with tools_of(replace(database, allow_private_urls=False), connections) as tools:
        session = LiveSession(row, lease_of(connections.redis), tools)
        try:
            yield session, tools
        finally:
            session.stop()


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_go_dials_the_address_that_was_judged(
    database: Settings, connections: Connections, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    resolved_as(monkeypatch, ["127.0.0.2"])  # only this process believes it: to Go the name is unknown
    with (
        Door("127.0.0.2") as door,
        session_through(f"{scheme}://maria:segredo@proxy.invalid:{door.port}", database, connections) as (session, _),
    ):
        session.bring_to(session.row)
        wait_until(lambda: door.said, "the proxy is reached", 15)
        assert door.said[0].startswith(TO_WHATSAPP[scheme])
        assert scheme != "http" or b"Proxy-Authorization: Basic bWFyaWE6c2VncmVkbw==" in door.said[0]


@pytest.mark.usefixtures("public")
def test_a_name_that_also_stands_for_a_private_address_is_not_dialled(
    database: Settings, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolved_as(monkeypatch, ["127.0.0.2", "127.0.0.9"])
    with (
        Door("127.0.0.9") as inside,
        session_through(f"socks5://localtest.invalid:{inside.port}", database, connections) as (session, _),
    ):
        session.bring_to(session.row)
        wait_until(lambda: len(asked) >= 2, "it was refused and tried again", 15)
        assert session._login is None and not inside.said
        reason = sa.select(sessions.c.reason).where(sessions.c.id == session.session_id)
        with connections.reading() as connection:
            assert connection.execute(reason).scalar_one() == "connect_failed"


@pytest.mark.usefixtures("public")
def test_a_lost_connection_is_begun_anew_when_the_name_has_moved(
    database: Settings, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_proxy, "LOST_FOR_SECONDS", 0.0)
    asked = resolved_as(monkeypatch, ["127.0.0.2"])
    client = SlowClient()
    with (
        Door("127.0.0.3") as moved,
        session_through(f"socks5://proxy.invalid:{moved.port}", database, connections) as (session, tools),
    ):
        connect(session, client, tools)
        session._tried_generation = session.row.generation
        session._proxy.judge(session.row.proxy, turn=0)
        session.bring_to(session.row)  # connected: nobody asks
        assert session._login is not None
        session._control.put(lambda: setattr(session._login, "phase", Phase.RECONNECTING))
        session.bring_to(session.row)
        wait_until(lambda: len(asked) == 2, "the name is looked up again", 5)
        assert not client.stopped.wait(0.2)
        resolved_as(monkeypatch, ["127.0.0.3"])
        session.bring_to(session.row)
        wait_until(lambda: moved.said, "the new address is reached", 15)
        assert client.stopped.is_set()
