"""`make run` as a whole machine sees it: one per data directory, nothing left behind, children that come back."""

import inspect
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import redis

from flashapi import settings as reading
from tests.support.installation import ROOT, Installation, timed
from tests.support.servers import wait_until
from workers.first_start import EXAMPLE, write_dotenv

LEFT_WITHIN_SECONDS = 2.0
STOPPED_WITHIN_SECONDS = 10.0


def test_sigterm_ends_everything_in_time(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    names = {"gunicorn", "workers webhooks", "workers sessions", "sandbox", "redis.sock"}
    assert {name for name in names if running.pids(name)} == names
    assert running.stop() < STOPPED_WITHIN_SECONDS
    assert running.supervisor is not None and running.supervisor.returncode == 0
    assert running.pids() == []
    stopped = [line for line in running.log_lines() if line["event"] == "stopped"]
    assert stopped[-1]["killed"] == [], "every process ended by itself"


def test_a_killed_supervisor_leaves_nothing_running(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    running.kill_supervisor()
    wait_until(lambda: not running.pids(), "all processes ended", LEFT_WITHIN_SECONDS)
    running.start()
    running.kill_supervisor()
    running.start()  # at once, while what the killed one left is still ending
    assert running.api("GET", "/api/session/list")["data"]["total"] == 0


def test_a_second_start_on_the_same_data_is_refused(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    second = make_installation(DATA_DIR=str(running.data_dir))
    process = second.launch()
    assert process.wait(timeout=30) == 1
    assert "already runs on DATA_DIR" in second.log_file.read_text()
    running.wait_ready()


def test_two_installations_side_by_side(make_installation: Callable[..., Installation]) -> None:
    first, second = make_installation("one").start(), make_installation("two").start()
    first.api("POST", "/api/session/create_sessao", {"nome_sessao": "so-na-primeira", "sandbox": True})
    assert first.api("GET", "/api/session/list")["data"]["total"] == 1
    assert second.api("GET", "/api/session/list")["data"]["total"] == 0


def test_variables_exported_empty_are_not_there(make_installation: Callable[..., Installation]) -> None:
    """As docker compose exports those it has no value for."""
    running = make_installation()
    running.environ |= dict.fromkeys(("GLOBAL_API_KEY", "GLOBAL_WEBSOCKET_SECRET", "WEBHOOK_SECRET_KEY", "SANDBOX"), "")
    running.start()
    key = reading.load({}, running.folder / ".env").global_api_key
    assert running.request("GET", "/api/session/list", key=key).status_code == 200


def test_a_port_in_use_is_named(make_installation: Callable[..., Installation]) -> None:
    refused = make_installation()
    with socket.create_server(("127.0.0.1", refused.port)):
        assert refused.launch().wait(timeout=30) == 1
    assert f"can't listen on 127.0.0.1:{refused.port}" in refused.log_file.read_text()


def test_a_data_dir_too_long_for_sockets_is_named(make_installation: Callable[..., Installation]) -> None:
    refused = make_installation("x" * 120)
    assert refused.launch().wait(timeout=30) == 1
    assert "too long for the Unix sockets" in refused.log_file.read_text()


def test_a_killed_process_comes_back(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    for name in ("gunicorn", "workers webhooks", "workers sessions", "redis.sock", "sandbox"):
        killed = running.kill(name)
        wait_until(lambda name=name, killed=killed: set(running.pids(name)) - set(killed), f"{name} is back")
        running.wait_ready(30)


def test_the_leases_of_a_killed_worker_are_gone_at_once(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    (killed,) = running.kill("workers sessions")
    client = redis.Redis(unix_socket_path=str(running.data_dir / "redis" / "redis.sock"))

    def owners() -> set[bytes]:
        values = [client.get(key) for key in client.scan_iter("flashapi:lease:sandbox:*")]
        return {value.split(b":")[1] for value in values if isinstance(value, bytes)}

    wait_until(lambda: str(killed).encode() not in owners(), "its leases are gone", 2)
    wait_until(owners, "another has them", 10)
    client.close()


def test_ctrl_c_reaches_the_supervisor_alone(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    assert running.supervisor is not None
    own_group = os.getpgid(running.supervisor.pid)
    assert all(os.getpgid(pid) != own_group for pid in running.pids())
    running.supervisor.send_signal(signal.SIGINT)
    assert timed(lambda: running.supervisor and running.supervisor.wait(30)) < STOPPED_WITHIN_SECONDS
    assert running.pids() == []


def test_make_run_passes_sigterm_on(make_installation: Callable[..., Installation]) -> None:
    running = make_installation()
    recipe = running.folder / "Makefile"
    running.folder.mkdir(parents=True)
    recipe.write_text(f"run:\n\t@exec {sys.executable} -m workers supervisor\n")
    with running.log_file.open("ab") as log:
        running.supervisor = subprocess.Popen(["make", "run"], cwd=running.folder, env=running.environ,
                                              stdout=log, stderr=log)
    running.wait_ready()
    assert running.stop() < STOPPED_WITHIN_SECONDS
    wait_until(lambda: not running.pids(), "all processes ended", LEFT_WITHIN_SECONDS)


def test_the_makefile_runs_it_by_one_exec() -> None:
    lines = (ROOT / "Makefile").read_text().split("\nrun:")[1].splitlines()[1:]
    recipe = [line for line in lines[: lines.index("")] if line.startswith("\t")]
    assert recipe == ["\t@exec $(BIN)/python -m workers supervisor"]


def test_dotenv_example_lists_what_settings_reads() -> None:
    """Read from the source, since some variables are asked for only where others are set."""
    source = inspect.getsource(reading._Reader)
    asked = re.findall(r'self\.(?:text|integer|number|boolean|choice|secret)\(\s*"([A-Z_]+)"', source)
    listed = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(asked))


def test_a_dotenv_of_the_owner_keeps_its_lines(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=3999\nGLOBAL_API_KEY=minha-chave")
    assert write_dotenv(dotenv, {}, loopback=True) is False
    text = dotenv.read_text()
    assert text.startswith("PORT=3999\nGLOBAL_API_KEY=minha-chave\n")
    assert reading.load({}, dotenv).websocket_secret, "the secret it lacked was added"
    before = dotenv.read_text()
    write_dotenv(dotenv, {}, loopback=True)
    assert dotenv.read_text() == before


def test_private_urls_stay_closed_when_others_can_reach_the_api(tmp_path: Path) -> None:
    write_dotenv(tmp_path / ".env", {}, loopback=False)
    assert reading.load({}, tmp_path / ".env").allow_private_urls is False
