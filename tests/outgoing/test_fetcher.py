"""The guarded fetcher against real servers on loopback: what it refuses, what it bounds, what it keeps."""

import ipaddress
import json
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from flashapi import addresses, outgoing
from flashapi.outgoing import Fetcher, OutgoingFailed, OutgoingRefused
from tests.outgoing.conftest import Site
from tests.support.resolving import resolved_as


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetcher]:
    """A fetcher that may not reach private addresses, in a world where 127.0.0.1 is the public Internet."""

    def is_public(address: addresses.Address) -> bool:
        return address == ipaddress.ip_address("127.0.0.1")

    monkeypatch.setattr(addresses, "is_public", is_public)
    monkeypatch.setattr(outgoing, "is_public", is_public)
    fetcher = Fetcher(allow_private=False)
    yield fetcher
    fetcher.close()


PRIVATE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0/", "http://10.1.2.3/",
    "http://172.16.0.1/", "http://192.168.1.1:8080/x", "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::10.0.0.1]/", "http://[2002:7f00:1::]/",
    "http://[fe80::1]/", "http://[fec0::1]/", "http://[fd00::1]/", "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://localhost:3000/", "http://LOCALHOST./", "http://a.localhost/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused_at_once(url: str) -> None:
    with pytest.raises(OutgoingRefused):
        Fetcher(allow_private=False).check_url(url)
    Fetcher(allow_private=True).check_url(url)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "javascript:alert(1)", "file:///etc/passwd", "example.com/x", "http://", "http:///x",
            "http://a b/", "http://example.com:99999/", "http://[::1/", "http://example.com/\r\nX: y", ""],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(OutgoingRefused):
        Fetcher(allow_private=True).check_url(url)


@pytest.mark.parametrize("url", ["https://example.com/x?y=z", "http://8.8.8.8:81/", "http://[2606:4700::1111]/",
                                 "https://exâmplo.com.br/ação"])
def test_public_addresses_pass(url: str) -> None:
    Fetcher(allow_private=False).check_url(url)


def test_name_of_a_private_address_is_refused_before_connecting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved_as(monkeypatch, ["127.0.0.1"])
    with pytest.raises(OutgoingRefused):
        Fetcher(allow_private=False).get(f"http://innocent.example:{site.port}/", timeout=5, max_bytes=10)
    assert site.connections == 0


def test_name_is_resolved_once_and_its_judged_address_used(
    site: Site, guarded: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.page("/", b"hello")
    asked = resolved_as(monkeypatch, ["10.9.9.9", "127.0.0.1"])  # the private one is never dialled
    fetched = guarded.get(f"http://rebinding.example:{site.port}/", timeout=5, max_bytes=10)
    assert (fetched.content, asked) == (b"hello", ["rebinding.example"])
    assert site.requests[0][2]["Host"] == f"rebinding.example:{site.port}"


def test_redirect_to_a_private_address_is_refused(site: Site, guarded: Fetcher) -> None:
    with Site("127.0.0.2") as inside:
        site.page("/", b"", status=302, Location=f"{inside.url}/secret")
        with pytest.raises(OutgoingRefused):
            guarded.get(f"{site.url}/", timeout=5, max_bytes=10)
        assert inside.connections == 0


def test_redirects_are_followed_a_few_times(site: Site, fetcher: Fetcher) -> None:
    site.page("/a", b"", status=301, Location="/b?c=d")
    site.page("/b", b"there")
    assert fetcher.get(f"{site.url}/a", timeout=5, max_bytes=10).url == f"{site.url}/b?c=d"
    site.page("/round", b"", status=302, Location="/round")
    with pytest.raises(OutgoingFailed):
        fetcher.get(f"{site.url}/round", timeout=5, max_bytes=10)
    assert [path for _, path, _, _ in site.requests].count("/round") == outgoing.MAX_REDIRECTS + 1


def test_size_is_bounded(site: Site, fetcher: Fetcher) -> None:
    site.page("/", b"0123456789")
    assert fetcher.get(f"{site.url}/", timeout=5, max_bytes=10).content == b"0123456789"
    with pytest.raises(OutgoingFailed):
        fetcher.get(f"{site.url}/", timeout=5, max_bytes=9)
    assert fetcher.get(f"{site.url}/", timeout=5, max_bytes=4, beginning=True).content == b"0123"


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
              b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"],
    ids=["status line", "header", "body", "body of unknown length"],
)
def test_time_is_bounded_however_slowly_the_answer_drips(site: Site, fetcher: Fetcher, first: bytes) -> None:
    site.drip("/", first)
    begun = time.monotonic()
    with pytest.raises(OutgoingFailed, match="Tempo esgotado"):
        fetcher.get(f"{site.url}/", timeout=0.6, max_bytes=100_000)
    assert 0.5 < time.monotonic() - begun < 2


def test_handshake_that_never_comes_is_bounded_too(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(OutgoingFailed, match="Tempo esgotado"):
            fetcher.get(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.5, max_bytes=10)
        assert time.monotonic() - begun < 2


def test_posts_share_a_connection(site: Site, fetcher: Fetcher) -> None:
    site.page("/hook", b'{"ok":true}', status=201)
    for number in range(3):
        answer = fetcher.post(f"{site.url}/hook", body=json.dumps(number).encode(), headers={"A": "b"}, timeout=5)
        assert answer.status == 201
    assert site.connections == 1
    assert [(method, body, headers["A"]) for method, _, headers, body in site.requests] == [
        ("POST", b"0", "b"), ("POST", b"1", "b"), ("POST", b"2", "b"),
    ]


def test_connection_closed_by_the_other_side_is_made_again(site: Site, fetcher: Fetcher) -> None:
    def answer_once(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        handler.close_connection = True

    site.pages["/hook"] = answer_once
    for _ in range(3):
        assert fetcher.post(f"{site.url}/hook", body=b"", headers={}, timeout=5).status == 200
    assert site.connections == 3


def test_post_does_not_follow_redirects(site: Site, fetcher: Fetcher) -> None:
    site.page("/hook", b"", status=307, Location="/elsewhere")
    assert fetcher.post(f"{site.url}/hook", body=b"x", headers={}, timeout=5).status == 307
    assert len(site.requests) == 1


def test_credentials_in_the_url_become_a_header(site: Site, fetcher: Fetcher) -> None:
    site.page("/", b"")
    fetcher.get(f"http://ana:s%40nha@127.0.0.1:{site.port}/", timeout=5, max_bytes=10)
    assert site.requests[0][2]["Authorization"] == "Basic YW5hOnNAbmhh"


def test_proxies_of_the_environment_are_ignored(
    site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    site.page("/", b"direct")
    assert fetcher.get(f"{site.url}/", timeout=5, max_bytes=10).content == b"direct"


def test_unreachable_says_why(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(OutgoingFailed, match="Conexão recusada"):
        fetcher.get(f"http://127.0.0.1:{port}/", timeout=5, max_bytes=10)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutgoingFailed, match="resolver"):
        fetcher.get("http://nowhere.example/", timeout=5, max_bytes=10)


def test_a_chunk_of_negative_size_is_a_failure(site: Site, fetcher: Fetcher) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n")

    site.pages["/negative"] = answer
    with pytest.raises(OutgoingFailed):
        fetcher.get(f"{site.url}/negative", timeout=5, max_bytes=1_000)
