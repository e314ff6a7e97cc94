"""A resolver that says what a test wants."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from flashapi.addresses import literal

_ask_system = socket.getaddrinfo


def resolved_as(monkeypatch: pytest.MonkeyPatch, found: Sequence[str]) -> list[str]:
    """Make every name resolve to these addresses; gives the list of names that were asked for from now on."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *rest: Any, **named: Any) -> list[Any]:
        if literal(host) is not None:
            return _ask_system(host, port, *rest, **named)
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked
