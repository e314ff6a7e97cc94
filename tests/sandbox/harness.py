"""The simulated network and real neonize sessions as processes, with waits for events instead of sleeps."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds; generous, as a wait ends with its event


class Refused(Exception):
    """The control answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class NetworkProcess:
    """`python -m sandbox` on a data folder, and its control socket."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.start()

    @property
    def client_folder(self) -> Path:
        return self.data_dir / "sandbox" / "client"

    @property
    def authorities(self) -> Path:
        """Whom clients have to trust to reach the network's media server."""
        return self.data_dir / "sandbox" / "ca-bundle.pem"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--data-dir", str(self.data_dir)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            assert line, "the sandbox ended before it was ready"
            if json.loads(line)["event"] == "sandbox_ready":
                break
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._collect, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End the process; returns how long it took, in seconds."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=10)
        took = time.monotonic() - start
        self._reader.join()
        return took

    def ask(self, op: str, **params: Any) -> dict[str, Any]:
        """One operation on a connection of its own. Raises Refused."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(PATIENCE)
            control.connect(str(self.data_dir / "sandbox" / "control.sock"))
            control.sendall(json.dumps({"op": op, **params}).encode() + b"\n")
            with control.makefile() as lines:
                answer = json.loads(lines.readline())
        if not answer["ok"]:
            raise Refused(answer["status"], answer["message"])
        data: dict[str, Any] = answer["data"]
        return data

    def inbox(self, number: str, since: str | None = None) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.ask("phone.inbox", numero=number, since=since)["messages"]
        return messages

    def phone(self, number: str) -> dict[str, Any]:
        return next(phone for phone in self.ask("phone.list")["phones"] if phone["numero"] == number)

    def wait_inbox(self, number: str, count: int) -> list[dict[str, Any]]:
        """The inbox once it holds so many messages."""
        return wait_until(lambda: shown if len(shown := self.inbox(number)) >= count else None, f"{count} messages")

    def _collect(self, stdout: Any) -> None:
        with stdout:
            for line in stdout:
                self.log.append(json.loads(line))


class ClientProcess:
    """A neonize session in its own process (see client_program.py)."""

    def __init__(self, network: NetworkProcess, store: Path, name: str) -> None:
        self.network = network
        self.store = store
        self.name = name
        self.number = 0
        self.events: list[dict[str, Any]] = []
        self.seen = 0  # events before this position were waited for already
        self._inbox: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers: dict[int, dict[str, Any]] = {}
        log = open(store.with_suffix(".log"), "ab")
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("client_program.py")),
                str(network.client_folder),
                str(store),
                name,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # From the start, as Go looks at the environment that the kernel gave the process.
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "SSL_CERT_FILE": str(network.authorities)},
        )
        log.close()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self.wait("loaded")

    def ask(self, do: str, *, patience: float = 90, **params: Any) -> Any:
        """Run a command in the session and return its result; raises RuntimeError with what neonize raised."""
        self.number += 1
        number = self.number
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, "do": do, **params}) + "\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + patience
        while number not in self._answers:
            self._pump(deadline, f"the answer to {do}")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def wait(self, event: str, *, patience: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """The next event of a kind with these fields, counted from the last one waited for."""
        deadline = time.monotonic() + patience
        position = self.seen
        while True:
            while position < len(self.events):
                candidate = self.events[position]
                position += 1
                if candidate["event"] == event and fields.items() <= candidate.items():
                    self.seen = position
                    return candidate
            self._pump(deadline, f"{event} {fields} (had: {[one['event'] for one in self.events[self.seen :]]})")

    def pair(self, number: str) -> None:
        """Connect, let the phone of that number scan the code, and wait until the session has all it needs."""
        self.ask("connect")
        self.network.ask("phone.scan", numero=number, qrcode=self.wait("qr")["text"])
        self.wait("Connected")
        self.wait("Message", content=["protocolMessage"])  # the app state keys, sent after the first login

    def send(self, to: str, text: str) -> dict[str, Any]:
        sent: dict[str, Any] = self.ask("send", to=to, text=text)
        return sent

    def restart(self) -> ClientProcess:
        """The same session in a new process, as after a crash."""
        self.close()
        again = ClientProcess(self.network, self.store, self.name)
        again.ask("connect")
        return again

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what was still buffered for the dead process
            self.process.stdin.close()

    def _pump(self, deadline: float, what: str) -> None:
        try:
            item = self._inbox.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError(f"{self.name}: waited in vain for {what}") from None
        if item.get("ended"):
            raise RuntimeError(f"{self.name}: the client process died, waiting for {what}")
        if "event" in item:
            self.events.append(item)
        else:
            self._answers[item["id"]] = item

    def _collect(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._inbox.put(json.loads(line))
        self._inbox.put({"ended": True})


def waiting_stanzas(network: NetworkProcess, number: str) -> int:
    """How many stanzas the network keeps because no device has acknowledged them."""
    path = network.data_dir / "sandbox" / "network.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT count(*) FROM stanzas WHERE account = ?"
        return int(database.execute(query, (number,)).fetchone()[0])


def wait_until(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Look again and again for something that only polling can show."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
