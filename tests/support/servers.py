"""Real servers for tests, private to one run: a Redis on a Unix socket and, where there is one to start, a MariaDB."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import redis

from flashapi.connections import create_engine
from workers import redis_server

START_SECONDS = 60.0


class NoServer(Exception):
    """There is nothing to start; the message is the reason for skipping."""


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> object:
    """The first true answer of `condition`; fails after `seconds`, saying what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_redis(folder: Path) -> Iterator[Path]:
    """A Redis of its own in `folder`, started as the supervisor does; gives its socket."""
    folder.mkdir(parents=True, exist_ok=True)
    address = folder / "redis.sock"
    process = subprocess.Popen(redis_server.command(redis_server.find_server(), address))
    client = redis.Redis(unix_socket_path=str(address))

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            assert process.poll() is None, (folder / "redis.log").read_text()
            return False

    try:
        wait_until(answers, "Redis answers")
        yield address
    finally:
        client.close()
        process.terminate()
        process.wait()


@contextmanager
def mysql_server(folder: Path) -> Iterator[dict[str, str]]:
    """The variables of a MySQL/MariaDB: the one MYSQL_HOST names, else one started here. Raises NoServer."""
    if os.environ.get("MYSQL_HOST"):
        yield {name: value for name, value in os.environ.items() if name.startswith("MYSQL_")}
        return
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    program = shutil.which("mariadbd", path=search)
    installer = shutil.which("mariadb-install-db", path=search)
    if program is None or installer is None:
        raise NoServer("no MariaDB here: MYSQL_HOST is not set and mariadbd is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
         "--skip-test-db", *user],
        check=True, capture_output=True,
    )
    port = free_port()
    process = subprocess.Popen(
        [program, "--no-defaults", f"--datadir={data}", f"--socket={folder / 'mysql.sock'}", "--bind-address=127.0.0.1",
         f"--port={port}", f"--pid-file={folder / 'mysql.pid'}", f"--log-error={folder / 'mysql.log'}",
         "--skip-name-resolve", "--innodb-buffer-pool-size=64M", *user],
    )

    def answers() -> bool:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2).close()
        except pymysql.MySQLError:
            assert process.poll() is None, (folder / "mysql.log").read_text()
            return False
        return True

    try:
        wait_until(answers, "MariaDB answers", START_SECONDS)
        yield {"MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": str(port), "MYSQL_USER": "root", "MYSQL_PASSWORD": ""}
    finally:
        process.terminate()
        process.wait()


def drop_database(url: str) -> None:
    """Remove the database this URL names."""
    engine = create_engine(url, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP DATABASE `{engine.url.database}`")
    engine.dispose()
