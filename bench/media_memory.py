"""A 64 MB document, uploaded and by URL: how much the web process and the session worker grow at their peak.

Must hold: web under +20 MB, worker under +4 times the file, two files at a time whatever waits. Go gives back what a
file took only minutes later, so the worker's peak is also shown against its memory before the first of them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from bench.measure import fresh_installation, table
from tests.support.files import FileServer
from tests.support.installation import Installation, Session

FILE_MB = 64
WEB_LIMIT_MB = 20.0
WORKER_LIMIT_MB = 4.0 * FILE_MB
AT_ONCE = 4
TOGETHER = 2
"""How many files a worker has in memory at the same time."""
CONTENT = bytes(range(256)) * (FILE_MB * 4096)

Send = Callable[[Session], requests.Response]


class Process:
    """The largest of some processes, and the memory it had before any file came, in MB."""

    def __init__(self, pids: list[int]) -> None:
        self.pid = max(pids, key=lambda pid: _megabytes(pid, "VmRSS"))
        self.idle = self.before = _megabytes(self.pid, "VmRSS")

    def begin(self) -> None:
        """Let the peak start at what is used now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.before = _megabytes(self.pid, "VmRSS")

    @property
    def peak(self) -> float:
        """The most it has used since it began."""
        return _megabytes(self.pid, "VmHWM")


def _megabytes(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def rows(running: Installation, files: FileServer) -> Iterator[tuple[object, ...]]:
    """Each way's figures."""
    friend = running.phone("5511900000001")
    sessions = [running.paired(f"envia-{n}", running.phone(f"551190000001{n}")) for n in range(AT_ONCE)]
    for session in sessions:
        session.send(friend.number, "para aquecer")
    url = files.put(CONTENT)
    route = f"{running.base}/api/chat/send-document"

    def upload(session: Session) -> requests.Response:
        body = {"to": friend.number, "fileName": "grande.bin"}
        return requests.post(
            route, data=body, files={"document": CONTENT}, headers={"apikey": session.key}, timeout=300
        )

    def fetch(session: Session) -> requests.Response:
        body = {"to": friend.number, "fileName": "grande.bin", "document": url}
        return requests.post(route, json=body, headers={"apikey": session.key}, timeout=300)

    ways: list[tuple[str, Send, int]] = [
        ("upload", upload, 1),
        ("URL", fetch, 1),
        (f"{AT_ONCE} uploads at once", upload, AT_ONCE),
        (f"{AT_ONCE} URLs at once", fetch, AT_ONCE),
    ]
    web, worker = Process(running.pids("gunicorn")), Process(running.pids("workers sessions"))
    for name, send, count in ways:
        web.begin()
        worker.begin()
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(send, sessions[:count]))
        assert all(answer.ok for answer in answers), [answer.text for answer in answers]
        web_grew, worker_grew = web.peak - web.before, worker.peak - worker.before
        allowed = WORKER_LIMIT_MB * min(count, TOGETHER)
        held = web_grew < WEB_LIMIT_MB and worker_grew < allowed
        yield (
            name, f"{web_grew:.1f}", WEB_LIMIT_MB, f"{worker_grew:.1f}", allowed, "yes" if held else "NO",
            f"{worker.peak - worker.idle:.1f}",
        )  # fmt: skip


def main() -> None:
    """Run it and print the table."""
    print(f"\nMemory: a document of {FILE_MB} MB; how far above its start each process goes, in MB\n")
    with fresh_installation(WEB_WORKERS="1", ALLOW_PRIVATE_URLS="true") as running, FileServer() as files:
        headings = ["way", "web", "allowed", "worker", "allowed", "holds", "worker above idle"]
        table(headings, rows(running, files))


if __name__ == "__main__":
    main()
