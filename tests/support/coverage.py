"""A pytest plugin (`-p tests.support.coverage`): writes docs/coverage.md, of what the tests that passed have seen."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import surface, witness

TABLE = Path(__file__).parents[2] / "docs" / "coverage.md"
TESTS_SHOWN = 3
HEAD = """# What was seen working

Written by `make coverage`, from a run of the end-to-end tests: the real programs, the real WhatsApp client library and
phones of the sandbox. A route counts as seen when it answered with success, a kind of message going out when a phone
showed it, a kind coming in and an event when a WebSocket or a webhook told it. At most three tests are named.
"""
SECTIONS: dict[str, tuple[str, list[str]]] = {
    "Routes of the README": (witness.ROUTE, surface.README),
    "Further routes of the original": (witness.ROUTE, surface.ORIGINAL),
    "Kinds of message out": (witness.OUT, surface.OUT),
    "Kinds of message in": (witness.IN, surface.IN),
    "Events": (witness.EVENT, surface.EVENTS),
}
failed: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember who failed: what they saw doesn't count."""
    if report.failed:
        failed.add(report.nodeid.partition("[")[0])


def pytest_sessionfinish() -> None:
    """Write the table."""
    TABLE.write_text("\n".join(table()) + "\n")


def table() -> Iterator[str]:
    """The lines of the table."""
    yield HEAD
    for title, (what, names) in SECTIONS.items():
        yield f"## {title}\n"
        yield "| | seen by |\n|---|---|"
        for name in names:
            yield f"| `{name}` | {'<br>'.join(f'`{test}`' for test in _witnesses(what, name))} |"
        yield ""


def _witnesses(what: str, name: str) -> Sequence[str]:
    pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(name)) + "/?")
    tests: Iterable[str] = set()
    for (kind, seen), by in witness.SEEN.items():
        if kind == what and pattern.fullmatch(surface.VERSIONS.get(seen, seen)):
            tests = {*tests, *by}
    return sorted({*tests} - failed)[:TESTS_SHOWN]
