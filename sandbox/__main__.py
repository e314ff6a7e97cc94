"""`python -m sandbox`: the simulated network as a process of its own, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from sandbox.arrivals import Arrivals
from sandbox.call_operations import CallOperations
from sandbox.certificates import serve_tls
from sandbox.client_patch import announce, patch_client
from sandbox.control import Control
from sandbox.fault_operations import FaultOperations
from sandbox.group_operations import GroupOperations
from sandbox.group_phones import GroupPhones
from sandbox.history_operations import HistoryOperations
from sandbox.inbox import Inbox
from sandbox.linking import Linking
from sandbox.media_files import MediaFiles
from sandbox.media_server import MediaServer
from sandbox.network import Network
from sandbox.noise import ServerIdentity
from sandbox.operations import PhoneOperations
from sandbox.phones import Phones
from sandbox.presences import Presences
from sandbox.profile_operations import ProfileOperations
from sandbox.send_operations import SendOperations
from sandbox.server import Gateway
from sandbox.store import Store

PREDECESSOR_SECONDS = 5  # for a process that is still ending on the same folder
FAREWELL_SECONDS = 1  # for connections to end by themselves, before their tasks are cancelled

log = structlog.get_logger()


async def run(folder: Path) -> None:
    """Open the network whose files are in `folder` and keep it open until the process is told to end."""
    client_folder = folder / "client"
    client_folder.mkdir(parents=True, exist_ok=True)
    (client_folder / "ready").unlink(missing_ok=True)
    store = Store(folder / "network.sqlite3")
    identity = load_identity(store)
    network = Network.load(store)
    files = MediaFiles(folder / "media")
    arrivals = Arrivals(network, Inbox(store.connection), files)
    phones = Phones(network, arrivals)
    media = MediaServer(network, files)
    media_listener = await media.listen(serve_tls(store, folder))
    linking, presences = Linking(network), Presences(network)
    gateway = Gateway(network, linking, presences, identity)
    server, port = await gateway.listen()
    groups = GroupPhones(phones)
    operations = PhoneOperations(network, phones, groups, linking, presences).by_name()
    operations |= SendOperations(phones, groups, files).by_name()
    operations |= ProfileOperations(network).by_name() | CallOperations(network, phones.calls).by_name()
    operations |= HistoryOperations(phones, files).by_name()
    operations |= GroupOperations(network).by_name()
    operations |= FaultOperations(network, gateway).by_name()
    control_path = folder / "control.sock"
    control = await Control(operations).listen(control_path)
    # Copying the client takes a moment in which the event loop must not stand still.
    await asyncio.to_thread(patch_client, client_folder, identity.root.public, port)
    announce(client_folder, port)
    log.info("sandbox_ready", port=port, pid=os.getpid(), control=str(control_path), client=str(client_folder))
    await wait_for_end()
    (client_folder / "ready").unlink(missing_ok=True)
    control.close()
    server.close(close_connections=False)
    media_listener.close()
    gateway.cut_all()
    media.cut_all()
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await server.wait_closed()
            await arrivals.settle()
    except TimeoutError:
        log.warning("connections_left", count=len(gateway.connections))
    store.close()
    log.info("sandbox_ended")


def load_identity(store: Store) -> ServerIdentity:
    """The network's keys, made at the first start: the patched client trusts them from then on."""
    stored = store.setting("identity")
    if stored is not None:
        return ServerIdentity.from_bytes(stored)
    identity = ServerIdentity.generate()
    store.set_setting("identity", bytes(identity))
    return identity


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone. Raises SystemExit when another one holds on to it for too long."""
    with (folder / "lock").open("w") as lock:
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SystemExit(f"another sandbox is running on {folder}") from None
                time.sleep(0.05)
        yield


async def wait_for_end() -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The simulated WhatsApp network.")
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("DATA_DIR") or "data"))
    folder = parser.parse_args().data_dir.resolve() / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(),  # a line and its end in one write
    )
    with claim(folder):
        asyncio.run(run(folder))


if __name__ == "__main__":
    main()
