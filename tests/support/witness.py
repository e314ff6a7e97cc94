"""What the tests have seen working against a whole installation: routes, kinds of message out and in, events.

Installation and listeners report here; `tests.support.coverage` makes docs/coverage.md of it.
"""

import os
from collections import defaultdict
from typing import Any

import requests

ROUTE, OUT, IN, EVENT = "route", "out", "in", "event"
SEEN: dict[tuple[str, str], set[str]] = defaultdict(set)
"""By what was seen: the tests that saw it."""
sent: set[str] = set()
shown: set[str] = set()


def see(what: str, name: str) -> None:
    """The running test has seen this."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if test:
        SEEN[what, name].add(test.partition("[")[0])


def see_answer(answer: requests.Response, *_: Any, **__: Any) -> None:
    """A hook of requests: a success of a route, and what it says of messages."""
    path, method = (answer.request.path_url or "").partition("?")[0], str(answer.request.method)
    if not answer.ok or not answer.headers.get("Content-Type", "").startswith("application/json"):
        if answer.ok:
            see(ROUTE, f"{method} {path}")
        return
    body = answer.json()
    if not isinstance(body, dict) or body.get("success") is False:
        return
    see(ROUTE, f"{method} {path}")
    data = body.get("data")
    if not isinstance(data, dict):
        return
    if path.startswith("/api/chat/") and isinstance(data.get("id"), str):
        sent.add(data["id"])
    elif path.endswith("/inbox"):
        for entry in data["messages"]:
            if entry["id"] in sent and entry["id"] not in shown:
                shown.add(entry["id"])
                see(OUT, entry["type"])


def see_event(name: str, data: Any) -> None:
    """An event that somebody was told."""
    see(EVENT, name)
    if name == "message_received" and not data["fromMe"]:
        see(IN, data["type"])
    elif name == "message_update" and (data.get("edited") or data.get("revoked")) and not data["fromMe"]:
        see(IN, "protocolMessage")
