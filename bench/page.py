"""A page of docs/ made by its runs: figures are kept as JSON beside it, so that a run can be repeated alone."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.databases import KINDS

ROOT = Path(__file__).resolve().parent.parent
WIDEST = 2
"""A table with more runs than these has a row for each instead of a column."""

Figures = dict[str, str]
Run = Callable[[str], Iterable[Figures]]
"""Takes a kind of database; gives the figures of one run, or of several in a row."""
Kept = dict[str, dict[str, list[Figures]]]
"""Figures by run and kind of database."""


@dataclass(frozen=True)
class Page:
    """What a page is made of."""

    name: str
    """Of the file in docs/, without its ending."""
    heading: str
    note: str
    """What a reader has to know of the figures."""
    runs: Mapping[str, tuple[str, Run]]
    """By name: a title and how it is made."""

    def make(self, names: Sequence[str] = ()) -> None:
        """Make all runs, or some (`run` or `run/database`), one after the other; keep the page up with each."""
        for asked in names or self.runs:
            name, _, only = asked.partition("/")
            for kind in [only] if only else KINDS:
                found: list[Figures] = []
                before = _Times.now()
                for figures in self.runs[name][1](kind):
                    now = _Times.now()
                    machine = {"load average": f"{os.getloadavg()[1]:.1f}", "stolen": f"{now.stolen_since(before)} %"}
                    found.append(figures | machine | {"commit": _commit()})
                    print(f"{name} on {kind}: {found[-1]}", flush=True)
                    self._keep(name, kind, found)
                    before = now

    def _keep(self, name: str, kind: str, found: list[Figures]) -> None:
        text = ROOT / "docs" / f"{self.name}.md"
        store = text.with_suffix(".json")
        kept: Kept = json.loads(store.read_text()) if store.exists() else {}
        kept.setdefault(name, {})[kind] = found
        store.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        parts = [f"# {self.heading}", f"{_where()} {self.note}".strip()]
        parts += [f"## {title}\n\n{_table(kept[run])}" for run, (title, _) in self.runs.items() if run in kept]
        text.write_text("\n\n".join(parts) + "\n")


def _where() -> str:
    return (
        "Written by the runs themselves, not by hand. Everything is on one machine: the processes of the installation, "
        f"the simulated network with its phones, and the database ({os.cpu_count()} cores, {platform.machine()}); "
        "the load average, of five minutes, tells what else it had to do, and `stolen` which part of the processors' "
        "time the host gave to others although it was wanted here."
    )


@dataclass(frozen=True)
class _Times:
    """What the kernel has counted of all processors' time, in ticks."""

    stolen: int
    all: int

    @classmethod
    def now(cls) -> "_Times":
        """Since the machine was started; the fields of /proc/stat are in proc(5)."""
        ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return cls(ticks[7], sum(ticks))

    def stolen_since(self, before: "_Times") -> int:
        """In percent of all the time there was."""
        return round(100 * (self.stolen - before.stolen) / max(1, self.all - before.all))


def _commit() -> str:
    """What was running."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return _git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _table(found: Mapping[str, Sequence[Figures]]) -> str:
    columns = {
        f"{kind} {number}" if len(several) > 1 else kind: figures
        for kind, several in found.items()
        for number, figures in enumerate(several, 1)
    }
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    if len(columns) <= WIDEST:
        return _lines(list(columns), {name: [each.get(name, "") for each in columns.values()] for name in names})
    return _lines(names, {column: [each.get(name, "") for name in names] for column, each in columns.items()})


def _lines(headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [f"| | {' | '.join(headings)} |", "|---|" + "---|" * len(headings)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])
