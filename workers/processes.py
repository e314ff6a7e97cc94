"""One process under supervision: started in a session of its own, bound to our life, restarted with backoff."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import structlog

from flashapi.lifeline import die_with

log = structlog.get_logger()

BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The pause before each restart in a row; the last one goes on."""
STABLE_SECONDS = 5.0
"""A process that has lived so long starts over with the first pause: it has worked, and is wanted back at once."""


class Stage(IntEnum):
    """The order in which processes are stopped: those who give work first, those who keep things last."""

    FRONT = 1
    SESSIONS = 2
    NETWORK = 3
    STORE = 4


def at_once() -> bool:
    """The condition of a process that waits for nothing."""
    return True


def ignore_end(pid: int) -> None:
    """What is to be done after a process that leaves nothing behind."""


@dataclass
class Child:
    """A process to be kept running."""

    name: str
    argv: Sequence[str]
    stage: Stage
    environ: Mapping[str, str]
    may_start: Callable[[], bool] = at_once
    after_end: Callable[[int], None] = ignore_end
    """Told the pid of each process of this child that has been reaped."""
    death_signal: signal.Signals = signal.SIGKILL
    """What it gets when the supervisor is killed."""
    inherited: Sequence[int] = ()
    """File descriptors it keeps open."""
    stdout: int | None = None
    """Where its standard output goes; None means to ours."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    not_before: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start it now."""
        supervisor = os.getpid()

        def before_exec() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the supervisor blocks what it waits for
            die_with(supervisor, self.death_signal)

        self.process = subprocess.Popen(
            self.argv,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=self.stdout,
            pass_fds=self.inherited,
            start_new_session=True,  # Ctrl-C is for the supervisor alone
            preexec_fn=before_exec,
        )
        self.started_at = time.monotonic()
        log.info("process_started", child=self.name, child_pid=self.process.pid)

    def start_if_due(self) -> None:
        """Start it if it doesn't run, its pause is over and what it waits for is there."""
        if self.process is None and time.monotonic() >= self.not_before and self.may_start():
            self.start()

    def reap(self) -> bool:
        """Take note of its end; True if it has ended since the last call."""
        if self.process is None or self.process.poll() is None:
            return False
        ended, self.process = self.process, None
        lived = time.monotonic() - self.started_at
        if lived > STABLE_SECONDS:
            self.failures = 0
        pause = BACKOFF_SECONDS[min(self.failures, len(BACKOFF_SECONDS) - 1)]
        self.failures += 1
        self.not_before = time.monotonic() + pause
        log.warning(
            "process_ended",
            child=self.name,
            child_pid=ended.pid,
            code=ended.returncode,
            lived=round(lived, 3),
            restart_in=pause,
        )
        self.after_end(ended.pid)
        return True

    def send(self, signal_number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)

    def kill(self) -> None:
        """End it and whatever it started, without asking."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
