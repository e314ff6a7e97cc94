"""What Go is handed of a session's proxy: an address that was judged, where a name could lead it elsewhere."""

import pytest

from flashapi import proxies
from flashapi.addresses import OutgoingRefused
from tests.support.resolving import resolved_as


@pytest.mark.parametrize(
    ("url", "found", "handed"),
    [
        ("socks5://proxy.example", ["8.8.8.8"], ["socks5://8.8.8.8:1080"]),
        ("socks5://maria:s%40@proxy.example:99", ["8.8.8.8"], ["socks5://maria:s%40@8.8.8.8:99"]),
        ("http://maria@proxy.example/", ["8.8.8.8"], ["http://maria@8.8.8.8:80"]),
        ("http://proxy.example:3128", ["2606:4700::1111"], ["http://[2606:4700::1111]:3128"]),
        ("socks5://[2606:4700::1111]:1080", ["2606:4700::1111"], ["socks5://[2606:4700::1111]:1080"]),
        ("http://a:b@proxy.example", ["8.8.8.8", "1.1.1.1"], ["http://a:b@8.8.8.8:80", "http://a:b@1.1.1.1:80"]),
        ("https://a:b@proxy.example:8443", ["8.8.8.8", "1.1.1.1"], ["https://a:b@proxy.example:8443"]),
    ],
)
def test_a_name_is_replaced_by_what_it_stands_for(
    monkeypatch: pytest.MonkeyPatch, url: str, found: list[str], handed: list[str]
) -> None:
    resolved_as(monkeypatch, found)
    assert proxies.judged(url, allow_private=False) == handed


@pytest.mark.parametrize("scheme", ["socks5", "http", "https"])
@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::1"], ["10.0.0.1", "8.8.8.8"]]
)
def test_one_private_address_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch, scheme: str, found: list[str]
) -> None:
    resolved_as(monkeypatch, found)
    with pytest.raises(OutgoingRefused, match="não é um endereço público"):
        proxies.judged(f"{scheme}://proxy.example:1080", allow_private=False)


def test_where_private_addresses_are_allowed_go_resolves_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolved_as(monkeypatch, ["127.0.0.1"])
    assert proxies.judged("socks5://proxy.example", allow_private=True) == ["socks5://proxy.example"]
    assert asked == ["proxy.example"]
