"""`make run`: everything one machine needs, started in order, watched, restarted, and stopped within ten seconds."""

import fcntl
import json
import os
import resource
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

import redis
import structlog

from flashapi import logs, shards
from flashapi import settings as settings_module
from flashapi.connections import create_redis
from flashapi.settings import InvalidSetting, Settings
from workers import redis_server
from workers.first_start import write_dotenv
from workers.processes import Child, Stage

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parent.parent
DOTENV = Path(".env")
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
STAGE_ENDS = {Stage.FRONT: 4.0, Stage.SESSIONS: 7.5, Stage.NETWORK: 8.5, Stage.STORE: 9.5}
"""Seconds after the wish to stop at which each stage gives way to the next; after the last comes SIGKILL."""
REDIS_START_SECONDS = 60.0
LONGEST_SOCKET_PATH = 107
"""Of sun_path's 108 bytes, one ends the string (unix(7))."""


class CannotStart(Exception):
    """The installation can't run as it stands; the message tells its owner what to change."""


class Stopped(Exception):
    """Somebody wants the end while we were still starting."""


def main() -> int:
    """Run until told to stop; the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
    try:
        settings, environ = prepare(dict(os.environ))
        with _only_one(settings.data_dir) as held, _listen(settings) as listener:
            supervisor = Supervisor(settings, environ, listener, held.fileno())
            try:
                supervisor.bring_up()
                supervisor.watch()
            except Stopped:
                log.info("stopping")
            finally:
                supervisor.stop()
    except (CannotStart, InvalidSetting) as error:
        print(f"flashapi: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(environ: dict[str, str]) -> tuple[Settings, dict[str, str]]:
    """Settings and the environment of all processes, after a `.env` has been written if there was none."""
    before = settings_module.load(environ, DOTENV)
    try:
        written = write_dotenv(DOTENV, environ, loopback=settings_module.is_loopback(before.host))
    except OSError as error:
        raise CannotStart(f"can't write {DOTENV.resolve()}: {error.strerror}") from error
    environ.setdefault("SANDBOX", str(settings_module.load({"SANDBOX": "true"} | dict(before_dotenv()), None).sandbox))
    settings = settings_module.load(environ, DOTENV)
    logs.configure(settings, "supervisor")
    if written:
        log.info("dotenv_written", path=str(DOTENV.resolve()))
    if settings.allow_private_urls and not settings_module.is_loopback(settings.host):
        log.warning("private_urls_allowed_while_others_can_reach_the_api", host=settings.host)
    return settings, environ
