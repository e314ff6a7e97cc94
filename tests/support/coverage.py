"""A pytest plugin (`-p tests.support.coverage`): what of the surface the tests that passed have seen.

`--surface=write` makes docs/coverage.md of it; `--surface=check` fails the run if anything of the surface wasn't seen.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import surface, witness

Record = list[tuple[str, str, list[str]]]
"""What was seen as one process of several hands it on: kind, name, tests."""
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """What to do with what was seen."""
    parser.addoption("--surface", choices=("write", "check"), default="check", help="docs/coverage.md: write or check")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what one of several processes has seen."""
    record: Record = getattr(node, "workeroutput", {}).get("seen", [])
    for what, name, tests in record:
        witness.SEEN[what, name].update(tests)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand on what this process has seen; or, where all has come together, write or check."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["seen"] = [(what, name, sorted(tests)) for (what, name), tests in witness.SEEN.items()]
    elif session.config.getoption("--surface") == "write":
        TABLE.write_text("\n".join(table()) + "\n")
    elif unseen():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what nobody has seen."""
    if config.getoption("--surface") == "check" and (missing := unseen()):
        terminalreporter.section("no test that passed has seen")
        for name in missing:
            terminalreporter.line(name)


def unseen() -> list[str]:
    """What of the surface nobody has seen."""
    return [name for what, names in SECTIONS.values() for name in names if not _witnesses(what, name)]


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
