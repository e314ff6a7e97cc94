"""schemathesis over the OpenAPI document, against a whole installation: no 500, no answer outside its schema.

Data that fits the document is made from it as it stands; data that doesn't, from what its description allows as well.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.leniency import lenient
from tests.support.installation import GLOBAL_KEY, ROOT, Installation

CONFIG = Path(__file__).parent / "schemathesis.toml"
OUTAGES = "/api/sandbox/fault"
"""Takes down the network the other routes need, for up to an hour: it has a run of its own."""
PARTS = ("^/api/chat/", "^/api/(contact|group)/", "^/api/sandbox/", "^/(?!api/(chat|contact|group|sandbox)/)")
"""Checked side by side, for much of the time is waiting for WhatsApp; threads would do, but hypothesis has races."""
SECONDS = 240


class Checked:
    """An installation with a connected session, and schemathesis to run against it."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self.folder = folder
        alice, bob = installation.phone("5511944440001", "Alice"), installation.phone("5599999999999", "Bob")
        self.session = installation.paired("sessao-do-esquema", alice)
        group = self.session.api("POST", "/api/group/create", {"subject": "Grupo", "participants": [bob.jid]})
        message = self.session.send(bob.number, "mensagem que existe")["id"]
        self.real = {
            "to": bob.number, "jid": bob.jid, "numero": bob.number, "numbers": [bob.number],
            "groupJid": group["data"]["id"], "message_id": message, "messageId": message, "quoted": message,
            "pacing": None,
        }  # fmt: skip
        self.document: dict[str, Any] = installation.http.get(f"{installation.base}/openapi.json").json()

    def run_all(self, document: dict[str, Any], mode: str, *options: str) -> None:
        """All but the outages, a process for each part."""
        with ThreadPoolExecutor(len(PARTS)) as pool:
            running = [
                pool.submit(self.run, document, mode, "--include-path-regex", part, "--exclude-path", OUTAGES, *options)
                for part in PARTS
            ]
        for each in running:
            each.result()

    def run(self, document: dict[str, Any], mode: str, *options: str) -> None:
        """One run of schemathesis; what it prints is the failure."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            source = Path(folder) / "openapi.json"
            source.write_text(json.dumps(document))
            command = [
                sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", str(source),
                "--url", self.installation.base, "--mode", mode, "--no-color", "--warnings", "off",
                "-H", f"apikey: {GLOBAL_KEY}", "-H", f"x-session: {self.session.id}", *options,
            ]  # fmt: skip
            ended = subprocess.run(
                command, cwd=folder, env=self._environ(), capture_output=True, text=True, timeout=SECONDS, check=False
            )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def _environ(self) -> dict[str, str]:
        return os.environ | {
            "FLASHAPI_REAL": json.dumps(self.real),
            "FLASHAPI_REDIS": str(self.installation.data_dir / "redis" / "redis.sock"),
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
        }


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    folder = tmp_path_factory.mktemp("openapi")
    with Installation(folder / "installation") as running:
        yield Checked(running.start(), folder)


def test_data_that_fits(checked: Checked) -> None:
    checked.run_all(checked.document, "positive")


def test_data_that_does_not_fit(checked: Checked) -> None:
    checked.run_all(lenient(checked.document), "negative", "--phases", "coverage")


def test_outages(checked: Checked) -> None:
    checked.run(checked.document, "positive", "--include-path", OUTAGES)
    checked.run(lenient(checked.document), "negative", "--include-path", OUTAGES)
