"""A page of docs/ made by its runs: figures are kept as JSON beside it, so that a run can be repeated alone."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

Figures = dict[str, str]


def keep(page: Path, heading: str, titles: Mapping[str, str], name: str, kind: str, found: Figures) -> None:
    """Note the figures of one run on one kind of database, and write the page anew."""
    store = page.with_suffix(".json")
    figures: dict[str, dict[str, Figures]] = json.loads(store.read_text()) if store.exists() else {}
    figures.setdefault(name, {})[kind] = found | {"load average of the machine": f"{os.getloadavg()[1]:.1f}"}
    page.parent.mkdir(exist_ok=True)
    store.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    parts = [f"# {heading}", _where()]
    parts += [f"## {title}\n\n{_table(figures[run])}" for run, title in titles.items() if run in figures]
    page.write_text("\n\n".join(parts) + "\n")


def _where() -> str:
    return (
        "Written by the runs themselves, not by hand. Everything is on one machine: the processes of the installation, "
        f"the simulated network with its phones, and the database ({os.cpu_count()} cores, {platform.machine()}); "
        "the load average, of five minutes, tells what else it had to do."
    )


def _table(found: Mapping[str, Figures]) -> str:
    rows = list(dict.fromkeys(row for figures in found.values() for row in figures))
    lines = [f"| | {' | '.join(found)} |", "|---|" + "---|" * len(found)]
    lines += [f"| {row} | {' | '.join(figures.get(row, '') for figures in found.values())} |" for row in rows]
    return "\n".join(lines)
