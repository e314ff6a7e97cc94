"""The README does what it says: its walk is taken out of it and run as it stands, on other ports."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installation import ROOT, Installation
from tests.support.servers import free_port

WALKS = {"README.md": "## The first walk, with curl", "README.pt-BR.md": "## O primeiro passeio, com curl"}


def walk_of(readme: Path, heading: str) -> str:
    """The shell blocks under `heading`, in order."""
    section = readme.read_text().split(heading)[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL))


@pytest.mark.parametrize("readme", WALKS)
def test_the_walk(make_installation: Callable[..., Installation], readme: str) -> None:
    running = make_installation(GLOBAL_API_KEY="").start()
    commands = walk_of(ROOT / readme, WALKS[readme])
    assert commands.count("curl") >= 10
    commands = commands.replace("127.0.0.1:3000", f"127.0.0.1:{running.port}")
    commands = re.sub(r"\b8099\b", str(free_port()), commands)
    ending = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    walked = subprocess.run(
        ["timeout", "240", "bash", "-euo", "pipefail", "-c", ending + commands],
        cwd=running.folder, capture_output=True, text=True, errors="replace", check=False,
    )
    assert walked.returncode == 0, walked.stdout[-3000:] + walked.stderr[-3000:] + running.log_tail(20)
    websocket = (running.folder / "websocket.log").read_bytes()
    assert b"Oi, Alice" in websocket
    assert "Oi, Alice" in (running.folder / "webhook.log").read_text()


def test_both_readmes_walk_the_same_way() -> None:
    english, portuguese = (walk_of(ROOT / readme, heading) for readme, heading in WALKS.items())
    assert english == portuguese
