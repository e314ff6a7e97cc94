"""A 64 MB document, uploaded and by URL: how much the web process and the session worker grow at their peak.

Must hold: web under +20 MB, worker under +4 times the file, two files at a time whatever waits.
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


class Processes:
    """Some processes, and the memory they had before any file came."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids
        self.before = [_megabytes(pid, "VmRSS") for pid in pids]

    def forget_peak(self) -> None:
        """Let the peak start at what is used now."""
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def growth(self) -> float:
        """How much the process that grew most has grown at its peak, in MB."""
        return max(_megabytes(pid, "VmHWM") - before for pid, before in zip(self.pids, self.before, strict=True))


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
    web, worker = Processes(running.pids("gunicorn")), Processes(running.pids("workers sessions"))
    for name, send, count in ways:
        web.forget_peak()
        worker.forget_peak()
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(send, sessions[:count]))
        assert all(answer.ok for answer in answers), [answer.text for answer in answers]
        grown, allowed = worker.growth(), WORKER_LIMIT_MB * min(count, TOGETHER)
        held = web.growth() < WEB_LIMIT_MB and grown < allowed
        yield (name, f"{web.growth():.1f}", WEB_LIMIT_MB, f"{grown:.1f}", allowed, "yes" if held else "NO")


def main() -> None:
    """Run it and print the table."""
    print(f"\nMemory: a document of {FILE_MB} MB, peak growth of the largest process in MB\n")
    with fresh_installation(WEB_WORKERS="1", ALLOW_PRIVATE_URLS="true") as running, FileServer() as files:
        table(["way", "web", "allowed", "worker", "allowed", "holds"], rows(running, files))


if __name__ == "__main__":
    main()
