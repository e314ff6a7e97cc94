"""A whole installation for end-to-end tests: the real supervisor on its own DATA_DIR and port, driven over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.support import witness
from tests.support.servers import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 60.0
GLOBAL_KEY = "chave-global-de-teste"
SOCKET_SECRET = "segredo-global-de-teste"


class Refused(AssertionError):
    """The API answered something else than success; carries the response."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"{response.request.method} {response.url}: {response.status_code} {response.text[:500]}")
        self.response = response


class Installation:
    """`make run` without make, in `folder`. `environ` is added to the environment, where "" removes a variable."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.data_dir = folder / "data"
        self.log_file = folder / "log.jsonl"
        given = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MYSQL_")},
            "PYTHONPATH": str(ROOT),
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "GLOBAL_API_KEY": GLOBAL_KEY,
            "GLOBAL_WEBSOCKET_SECRET": SOCKET_SECRET,
            "LIVE": "false",
            "RATE_LIMIT_MAX_REQUESTS": "1000000",  # those who wait here ask often
            **(environ or {}),
        }
        self.environ = {name: value for name, value in given.items() if value}
        self.base = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.hooks["response"].append(witness.see_answer)
        self.supervisor: subprocess.Popen[bytes] | None = None

    # Running

    def start(self) -> "Installation":
        """Start it and wait until it is ready."""
        supervisor = self.launch()
        self.wait_ready()
        # The web tier of one that was killed may answer for a moment more.
        wait_until(
            lambda: any(line["event"] == "ready" and line["pid"] == supervisor.pid for line in self.log_lines()),
            "the supervisor says that it is ready",
        )
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "workers", "supervisor"],
                cwd=self.folder, env=self.environ, stdout=log, stderr=log,
            )
        return self.supervisor

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait for /ready to answer 200."""

        def ready() -> bool:
            assert self.supervisor is not None
            assert self.supervisor.poll() is None, f"the supervisor ended:\n{self.log_tail()}"
            try:
                return self.http.get(f"{self.base}/ready", timeout=5).status_code == 200
            except requests.RequestException:
                return False

        try:
            wait_until(ready, "the installation is ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from None

    def stop(self) -> float:
        """SIGTERM, as Ctrl-C would; the seconds it took."""
        assert self.supervisor is not None
        began = time.monotonic()
        self.supervisor.terminate()
        self.supervisor.wait(timeout=30)
        return time.monotonic() - began

    def kill_supervisor(self) -> None:
        """kill -9 of the supervisor alone."""
        assert self.supervisor is not None
        self.supervisor.kill()
        self.supervisor.wait()

    def close(self) -> None:
        """End it whatever state it is in."""
        self.http.close()
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            try:
                self.supervisor.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait()

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What it says of itself

    def log_lines(self) -> list[dict[str, Any]]:
        """The structured lines logged so far."""
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def log_tail(self, lines: int = 60) -> str:
        """The end of the log, for a failing test's message."""
        return "\n".join(self.log_file.read_text().splitlines()[-lines:])

    def pids(self, name: str = "") -> list[int]:
        """The living processes of this DATA_DIR whose command line contains `name`, the supervisor left out."""
        found = []
        marker = f"DATA_DIR={self.data_dir}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                # Redis overwrites its environment by its title, but works in its own folder.
                home = (entry / "cwd").resolve()
                if marker not in (entry / "environ").read_bytes().split(b"\0") and self.data_dir not in home.parents:
                    continue
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if name in command and "workers supervisor" not in command:
                found.append(int(entry.name))
        return sorted(found)

    def kill(self, name: str) -> list[int]:
        """kill -9 the processes whose command line contains `name`; their pids."""
        killed = self.pids(name)
        assert killed, f"no process is called {name}"
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        return killed

    # The API

    def request(self, method: str, path: str, body: Any = None, key: str = GLOBAL_KEY) -> requests.Response:
        """One call, whatever comes of it."""
        return self.http.request(method, self.base + path, json=body, headers={"apikey": key}, timeout=90)

    def api(self, method: str, path: str, body: Any = None, key: str = GLOBAL_KEY) -> Any:
        """One call that must succeed: its JSON."""
        response = self.request(method, path, body, key)
        if not response.ok:
            raise Refused(response)
        answer = response.json()
        if not answer.get("success"):
            raise Refused(response)
        return answer

    def phone(self, number: str, name: str = "") -> "Phone":
        """A virtual phone."""
        body = {"numero": number} | ({"nome": name} if name else {})
        return Phone(self, self.api("POST", "/api/sandbox/phone", body)["data"])

    def session(self, name: str, **fields: Any) -> "Session":
        """A new sandbox session, not paired yet."""
        body = {"nome_sessao": name, "criar_sessao": True, "gerar_qrcode": True, "sandbox": True, **fields}
        return Session(self, self.api("POST", "/api/session/create_sessao", body)["dados"])

    def paired(self, name: str, phone: "Phone", **fields: Any) -> "Session":
        """A new sandbox session linked to `phone` and connected."""
        session = self.session(name, **fields)
        session.pair(phone)
        return session


class Phone:
    """A virtual phone of the sandbox."""

    def __init__(self, installation: Installation, data: Mapping[str, Any]) -> None:
        self.installation = installation
        self.number: str = data["numero"]
        self.jid: str = data["jid"]
        self.lid: str = data["lid"]

    def do(self, what: str, **fields: Any) -> Any:
        """POST .../<what>; its data."""
        path = f"/api/sandbox/phone/{self.number}/{what}"
        return self.installation.api("POST", path, fields).get("data")

    def inbox(self, since: str = "") -> list[dict[str, Any]]:
        """What it shows."""
        query = f"?since={since}" if since else ""
        path = f"/api/sandbox/phone/{self.number}/inbox{query}"
        return list(self.installation.api("GET", path)["data"]["messages"])

    def texts(self) -> list[str]:
        """The texts it shows, in order."""
        return [message["text"] for message in self.inbox() if message["text"] is not None]

    def wait_text(self, text: str, seconds: float = 30) -> dict[str, Any]:
        """The message with this text, once it is there."""
        found = wait_until(
            lambda: [m for m in self.inbox() if m["text"] == text], f"{self.number} shows {text!r}", seconds
        )
        assert isinstance(found, list)
        return dict(found[0])

    def logins(self) -> int:
        """How often its linked devices have logged in."""
        phones = self.installation.api("GET", "/api/sandbox/phone")["data"]["phones"]
        return next(int(phone["logins"]) for phone in phones if phone["numero"] == self.number)


class Session:
    """A session of the API."""

    def __init__(self, installation: Installation, data: Mapping[str, Any]) -> None:
        self.installation = installation
        self.created = data
        self.id: str = data["id"]
        self.name: str = data["name"]
        self.key: str = data["apikey"]
        self.qrcode: str | None = data.get("qrcode")

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call with the session's key that must succeed."""
        return self.installation.api(method, path, body, self.key)

    def status(self) -> dict[str, Any]:
        """The answer of the status route, its data."""
        return dict(self.api("GET", "/api/session/status")["data"])

    def wait_state(self, state: str, seconds: float = 30) -> None:
        """Wait until `status` says so."""
        wait_until(lambda: self.status()["status"] == state, f"{self.name} is {state}", seconds)

    def fresh_qrcode(self) -> str:
        """A QR code that can be scanned now."""

        def fetch() -> str | None:
            code: str | None = self.api("PUT", "/api/session/conectar_sessao", {}).get("qrcode")
            return code

        return self.qrcode or str(wait_until(fetch, f"{self.name} shows a QR code"))

    def pair(self, phone: Phone) -> None:
        """Have `phone` scan the QR code, and wait for the connection."""
        phone.do("scan", qrcode=self.fresh_qrcode())
        self.wait_state("connected")

    def send(self, to: str, text: str, **fields: Any) -> dict[str, Any]:
        """Send a text; the answer's data."""
        body = {"to": to, "text": text, "linkPreview": False, **fields}
        return dict(self.api("POST", "/api/chat/send-text", body)["data"])

    def try_send(self, to: str, text: str, **fields: Any) -> requests.Response:
        """Send a text, whatever comes of it."""
        body = {"to": to, "text": text, "linkPreview": False, **fields}
        return self.installation.request("POST", "/api/chat/send-text", body, self.key)


def timed(action: Callable[[], object]) -> float:
    """The seconds an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
