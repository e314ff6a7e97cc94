"""What all the long runs share: an installation of their own, senders beside it, percentiles, tables, deaths."""

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.installation import Installation, Phone, Session


@contextmanager
def fresh_installation(**environ: str) -> Iterator[Installation]:
    """A running installation in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="flashapi-bench-") as folder:
        with Installation(Path(folder), environ) as running:
            yield running.start()


class Sender:
    """Sends with some sessions in turn, without a pause, until it is stopped; keeps what each send took."""

    def __init__(self, sessions: Sequence[Session], to: Phone) -> None:
        self.sessions = sessions
        self.to = to
        self.took: list[float] = []
        self.failed: list[str] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self.ended.is_set():
            for session in self.sessions:
                began = time.monotonic()
                answer = session.try_send(self.to.number, f"envio {len(self.took)}")
                if answer.ok:
                    self.took.append(time.monotonic() - began)
                else:
                    self.failed.append(f"{answer.status_code} {answer.json().get('message')}")

    def __enter__(self) -> "Sender":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


def deaths(running: Installation) -> list[str]:
    """The processes that ended while nobody asked them to."""
    ended = [line for line in running.log_lines() if line["event"] == "process_ended"]
    return [f"{line['child']} (code {line['code']})" for line in ended]


def milliseconds(took: Iterable[float], share: float) -> str:
    """The percentile, as text."""
    ordered = sorted(took)
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000:.0f}" if ordered else "-"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(headings) + " |")
    print("|" + "---|" * len(headings))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)

