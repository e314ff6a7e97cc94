"""`make run`: everything one machine needs, started in order, watched, restarted, and stopped within ten seconds."""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import redis
import structlog

from flashapi import logs, shards
from flashapi import settings as reading
from flashapi.connections import create_redis
from flashapi.settings import InvalidSetting, Settings
from workers import redis_server
from workers.first_start import write_dotenv
from workers.occupancy import CannotStart, check_socket_paths, listen, occupy
from workers.processes import Child, Stage

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parent.parent
DOTENV = Path(".env")
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
STAGE_ENDS = {Stage.FRONT: 4.0, Stage.SESSIONS: 7.5, Stage.NETWORK: 8.5, Stage.STORE: 9.5}
"""Seconds after the wish to stop at which each stage gives way to the next; after the last comes SIGKILL."""
REDIS_START_SECONDS = 60.0
NOT_READY_WARNING_SECONDS = 30.0
OPEN_FILES = 65_536


class Stopped(Exception):
    """Somebody wants the end."""


def main() -> int:
    """Run until told to stop; the exit code."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
        STOP_SIGNALS.discard(signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
    try:
        settings, environ = prepare(dict(os.environ))
        with occupy(settings.data_dir, pause) as lock, listen(settings) as listener:
            port = listener.getsockname()[1]
            supervisor = Supervisor(replace(settings, port=port), environ | {"PORT": str(port)}, listener, lock)
            try:
                supervisor.bring_up()
                supervisor.watch()
            finally:
                supervisor.stop()
    except (CannotStart, InvalidSetting) as error:
        print(f"flashapi: {error}", file=sys.stderr)
        return 1
    except Stopped:
        return 0
    return 0


def pause(seconds: float) -> None:
    """Wait, but not longer than until a child ends. Raises Stopped when somebody wants the end."""
    received = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, seconds)
    if received is not None and received.si_signo in STOP_SIGNALS:
        raise Stopped()


def prepare(environ: dict[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings and the environment for all processes, after a `.env` has been written if there was none."""
    loopback = reading.is_loopback(reading.load(environ, DOTENV).host)
    try:
        written = write_dotenv(DOTENV, environ, loopback=loopback)
    except OSError as error:
        raise CannotStart(f"can't write {DOTENV.resolve()}: {error.strerror}") from error
    if "SANDBOX" not in reading.merged(environ, DOTENV):
        environ["SANDBOX"] = "true"
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environ.get("PYTHONPATH"))))
    settings = reading.load(environ, DOTENV)
    check_socket_paths(settings)
    logs.configure(settings, "supervisor")
    if written:
        log.info("dotenv_written", path=str(DOTENV.resolve()))
    if settings.allow_private_urls and not loopback:
        log.warning("private_urls_allowed_beyond_loopback", host=settings.host)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return settings, environ


class Supervisor:
    """The processes of this installation."""

    def __init__(self, settings: Settings, environ: dict[str, str], listener: socket.socket, lock: int) -> None:
        self.settings = settings
        self.environ = environ
        self.listener = listener
        self.lock = lock
        self.redis = create_redis(settings, socket_timeout=2)
        self.children: list[Child] = []
        self.network: Child | None = None
        self.network_port: int | None = None

    def bring_up(self) -> None:
        """Start Redis and migrate, then list what is to run. Raises CannotStart, Stopped."""
        if not self.settings.redis_url:
            self._start_redis()
        self._migrate()
        if self.settings.sandbox:
            self.network = self._python(
                "sandbox", "sandbox", "--data-dir", str(self.settings.data_dir), stage=Stage.NETWORK
            )
            self.children.append(self.network)
        self.children += [self._web(), self._python("webhooks", "workers", "webhooks", stage=Stage.FRONT)]
        self.children += self._session_workers()

    def watch(self) -> None:
        """Keep everything running until somebody wants the end, and say when it is ready. Ends by raising Stopped."""
        announced = False
        started = warned = time.monotonic()
        while True:
            for child in self.children:
                child.reap()
                child.start_if_due()
            self._follow_network()
            if not announced:
                missing = self._missing()
                if missing is None:
                    announced = True
                    log.info("ready", seconds=round(time.monotonic() - started, 1))
                    print(self._addresses(), flush=True)
                elif time.monotonic() - warned > NOT_READY_WARNING_SECONDS:
                    warned = time.monotonic()
                    log.warning("not_ready_yet", answer=missing)
            pause(0.5 if announced else 0.25)

    def stop(self) -> None:
        """End all processes, stage by stage, and kill what is left after the last. A second signal kills at once."""
        log.info("stopping", running=[child.name for child in self.children if child.pid])
        self.listener.close()
        began = time.monotonic()
        try:
            for stage in Stage:
                ending = [child for child in self.children if child.stage is stage]
                for child in ending:
                    child.send(signal.SIGTERM)
                while _running(ending) and time.monotonic() < began + STAGE_ENDS[stage]:
                    pause(0.1)
        except Stopped:
            log.warning("killing_at_once")
        left = _running(self.children)
        for child in left:
            child.kill()
        log.info("stopped", seconds=round(time.monotonic() - began, 1), killed=[child.name for child in left])

    def _start_redis(self) -> None:
        self.settings.redis_socket.parent.mkdir(mode=0o700, exist_ok=True)
        child = Child(
            "redis",
            redis_server.command(redis_server.find_server(), self.settings.redis_socket),
            Stage.STORE,
            self.environ,
            inherited=(self.lock,),
            death_signal=signal.SIGTERM,  # it writes its log out before it ends
        )
        self.children.append(child)
        child.start()
        deadline = time.monotonic() + REDIS_START_SECONDS
        while not redis_server.answers(self.settings):
            if child.reap() or time.monotonic() > deadline:
                raise CannotStart(f"Redis did not start; {self.settings.redis_socket.parent / 'redis.log'} tells why")
            pause(0.02)

    def _migrate(self) -> None:
        child = self._python("migrate", "workers", "migrate", stage=Stage.FRONT)
        self.children.append(child)
        child.start()
        while _running([child]):
            pause(1)
        self.children.remove(child)
        if child.process is None or child.process.returncode != 0:
            raise CannotStart("the database could not be migrated; the lines above tell why")

    def _web(self) -> Child:
        configuration = str(ROOT / "gunicorn.conf.py")
        bind = f"fd://{self.listener.fileno()}"  # ours, so that a request waits while gunicorn is restarted
        return self._python(
            "web",
            "gunicorn",
            "--config",
            configuration,
            "--bind",
            bind,
            "wsgi:app",
            stage=Stage.FRONT,
            inherited=(self.listener.fileno(),),
        )

    def _session_workers(self) -> Iterable[Child]:
        for mode in self.settings.modes:
            for number in range(1, self.settings.session_workers + 1):
                child = self._python(
                    f"sessions-{mode}-{number}", "workers", "sessions", "--mode", mode, stage=Stage.SESSIONS
                )
                child.after_end = self._drop_leases
                child.stdout = subprocess.DEVNULL  # the Go library greets each login there; logs go to stderr
                if mode == "sandbox":
                    child.may_start = self._network_is_up
                yield child

    def _python(self, name: str, module: str, *arguments: str, stage: Stage, inherited: Iterable[int] = ()) -> Child:
        argv = [sys.executable, "-m", module, *arguments]
        return Child(name, argv, stage, self.environ, inherited=(self.lock, *inherited))

    def _drop_leases(self, pid: int) -> None:
        try:
            dropped = shards.drop_leases_of(self.redis, socket.gethostname(), pid)
        except redis.RedisError as error:  # they end by themselves in seconds
            log.warning("leases_not_dropped", child_pid=pid, error=str(error))
        else:
            log.info("leases_dropped", child_pid=pid, count=dropped)

    def _network_state(self) -> dict[str, int] | None:
        """What the running network says of itself, once its client is made."""
        try:
            state: dict[str, int] = json.loads((self.settings.sandbox_dir / "client" / "ready").read_text())
        except FileNotFoundError:
            return None
        return state if self.network is not None and state["pid"] == self.network.pid else None

    def _network_is_up(self) -> bool:
        return self._network_state() is not None

    def _follow_network(self) -> None:
        """Replace the sandbox's workers if the network came back on another port: their client dials the old one."""
        state = self._network_state()
        if state is None or state["port"] == self.network_port:
            return
        if self.network_port is not None:
            log.warning("network_moved", port=state["port"])
            for child in self.children:
                if child.may_start == self._network_is_up:
                    child.send(signal.SIGTERM)
        self.network_port = state["port"]

    def _missing(self) -> str | None:
        """None once the web tier answers that everything is there; else what it said."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.settings.host, self.settings.host)
        connection = http.client.HTTPConnection(host, self.settings.port, timeout=2)
        try:
            connection.request("GET", "/ready")
            response = connection.getresponse()
            body = response.read(2_000).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return f"no answer: {error}"
        finally:
            connection.close()
        return None if response.status == 200 else body

    def _addresses(self) -> str:
        base = self.settings.base_url
        lines = [
            "",
            "FlashApi is ready.",
            f"  API          {base}/api",
            f"  Swagger UI   {base}/api-docs",
            f"  WebSocket    {'ws' + base.removeprefix('http')}/ws",
            f"  Global key   {self.settings.global_api_key}",
            f"  Data         {self.settings.data_dir}",
            "Ctrl-C stops it.",
            "",
        ]
        return "\n".join(lines)


def _running(children: Iterable[Child]) -> list[Child]:
    return [child for child in children if child.process is not None and child.process.poll() is None]
