"""Who may load whom: the contracts of pyproject.toml hold, and what a process loads is what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 320
"""Lines. About 300 is the rule; a file a little over it may finish its thought."""


def test_import_contracts() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("flashapi.app", "neonize"),
        ("flashapi.app", "workers"),
        ("flashapi.app", "sandbox"),
        ("workers.webhook_worker", "neonize"),
        ("workers.webhook_worker", "flask"),
        ("workers.supervisor", "neonize"),
        ("workers.supervisor", "flask"),
        ("workers.session_worker", "flask"),
        ("workers.session_worker", "gevent"),
        ("sandbox.network", "neonize"),
        ("sandbox.network", "flashapi"),
    ],
)
def test_what_a_process_loads(module: str, unwanted: str) -> None:
    # Session workers load neonize in the one way that works everywhere, before anything that needs it.
    first = "from workers import neonize_loader; neonize_loader.load(None);" if "session" in module else ""
    program = (
        f"{first}import sys, importlib; importlib.import_module({module!r});"
        f"sys.exit({unwanted!r} in {{name.split('.')[0] for name in sys.modules}})"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_files_do_one_job() -> None:
    folders = ("flashapi", "workers", "sandbox", "migrations", "tests", "bench")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
