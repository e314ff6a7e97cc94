"""Connections kept between requests: few, not for long, and those used last. The other side sees which are closed."""

from collections.abc import Iterator

import pytest

from flashapi import outgoing_connection
from flashapi.outgoing import Fetcher
from tests.outgoing.conftest import Site
from tests.support.servers import wait_until

KEPT = 3


@pytest.fixture
def everywhere() -> Iterator[Site]:
    """A site that is a different one at each address of loopback."""
    with Site("0.0.0.0") as site:
        site.page("/", b"ok")
        yield site


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(allow_private=True, kept=KEPT)
    yield fetcher
    fetcher.close()


def visit(fetcher: Fetcher, site: Site, *hosts: int) -> None:
    for host in hosts:
        url = f"http://127.0.3.{host}:{site.port}/"
        assert fetcher.get(url, timeout=5, max_bytes=10).content == b"ok"


def wait_open(site: Site, count: int) -> None:
    wait_until(lambda: len(site.open) == count, f"{count} connections are open", 5)


def test_ever_new_hosts_cost_no_more_than_a_few_connections(fetcher: Fetcher, everywhere: Site) -> None:
    visit(fetcher, everywhere, *range(1, 31))
    wait_open(everywhere, KEPT)
    assert everywhere.connections == 30
    fetcher.close()
    wait_open(everywhere, 0)


def test_those_used_last_are_kept(fetcher: Fetcher, everywhere: Site) -> None:
    visit(fetcher, everywhere, 1, 2, 3, 1, 4)
    assert everywhere.connections == 4
    visit(fetcher, everywhere, 1, 3, 4)
    assert everywhere.connections == 4
    visit(fetcher, everywhere, 2)
    assert everywhere.connections == 5


def test_old_ones_are_closed_when_another_is_kept(
    fetcher: Fetcher, everywhere: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(fetcher, everywhere, 1, 2)
    assert len(everywhere.open) == 2
    monkeypatch.setattr(outgoing_connection, "KEPT_SECONDS", 0.0)
    visit(fetcher, everywhere, 3)
    wait_until(lambda: len(everywhere.open) <= 1, "the old ones are closed", 5)
