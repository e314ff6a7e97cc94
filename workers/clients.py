"""session → running neonize client. The only module that touches the Go library."""

import ctypes
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import structlog
from neonize._binder import ProxySettings, func_callback_bytes, func_callback_bytes2, func_string, gocode
from neonize.client import ClientFactory, NewClient
from neonize.events import EVENT_TO_INT, Event
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.utils.log import log_whatsmeow

from flashapi.errors import SessionNotConnected
from workers.door import CLOSED_AT_MOST_SECONDS, Door

log = structlog.get_logger()

DISCONNECT_WAIT_SECONDS = 5.0
RETURN_WAIT_SECONDS = 2.0
QUIET_SECONDS = 0.03
"""No event for so long after the socket is closed means that neonize's buffer is empty."""
STORE_OPTIONS = "?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=5000&_rest="
"""neonize appends `?_foreign_keys=on` to the name it is given; here that becomes the value of an option nobody reads.
With a write-ahead log a commit costs one sync instead of three."""
OWN_DEVICE = 0
"""The event code by which neonize tells who we are, when its event loop begins."""

SUBSCRIBED: tuple[type[Any], ...] = (
    wire.PairStatus,
    wire.Connected,
    wire.KeepAliveTimeout,
    wire.KeepAliveRestored,
    wire.LoggedOut,
    wire.StreamReplaced,
    wire.TemporaryBan,
    wire.ConnectFailure,
    wire.ClientOutdated,
    wire.StreamError,
    wire.Disconnected,
    wire.Message,
    wire.Receipt,
    wire.ChatPresence,
    wire.Presence,
    wire.UndecryptableMessage,
    wire.JoinedGroup,
    wire.GroupInfoEvent,
    wire.Picture,
    wire.CallOffer,
    wire.CallOfferNotice,
    wire.CallAccept,
    wire.CallTerminate,
    wire.HistorySync,
    wire.OfflineSyncCompleted,
)
CODES: dict[type[Any], int] = {kind: EVENT_TO_INT[kind] for kind in SUBSCRIBED}

given_up = 0
"""Threads of this process that neonize will never return from; a process with many is replaced."""
_counting = threading.Lock()


def count_given_up(by: int) -> None:
    """So many more threads than before, or fewer: one has returned after all."""
    global given_up
    with _counting:
        given_up += by


class Listener(Protocol):
    """What a client tells its session. All are called on Go's callback thread and must return at once."""

    def on_event(self, code: int, raw: bytes) -> None:
        """An event of the kind `code`, as protobuf bytes."""

    def on_qr(self, text: str) -> None:
        """The next QR code of this attempt."""

    def on_login_over(self, outcome: str) -> None:
        """No more QR codes: `success`, `timeout`, or what went wrong."""

    def on_end(self, error: str | None) -> None:
        """Go's call has returned by itself."""


class _RawEvents(Event):  # type: ignore[misc]  # neonize is untyped
    """Hands events on unparsed, so that the journal has them before anything else happens."""

    def __init__(self, client: NewClient, sink: Callable[[int, bytes], None]) -> None:
        super().__init__(client)
        self.list_func = dict.fromkeys(CODES.values(), sink)
        self._sink = sink

    def execute(self, _uuid: int, binary: int, size: int, code: int) -> None:
        self._sink(code, ctypes.string_at(binary, size))


class Client:
    """One login of one session's device, from start to stop. Never started twice."""

    def __init__(
        self,
        door: Door,
        session_id: str,
        store: Path,
        props: DeviceProps,
        listener: Listener,
        *,
        proxy: str | None = None,
    ) -> None:
        self._door = door
        self.proxy = proxy
        self._listener = listener
        self._stopping = False
        self._beginning = threading.Lock()
        self._in_map = threading.Event()  # Go knows this client: calls before that would end the process
        self._returned = threading.Event()
        # A name of its own for each start: a client given up earlier must not be mistaken for this one.
        self._neonize = NewClient(f"{store}{STORE_OPTIONS}", props=props, uuid=f"{session_id}/{uuid.uuid4().hex[:8]}")
        self._neonize._stop_finalizer.detach()  # it would call Stop outside the door
        self._events = _RawEvents(self._neonize, self._on_event)
        self._thread = threading.Thread(target=self._run, name=f"wa-{session_id[:8]}", daemon=True)
        self._first_sign = threading.Event()
        self._last_event = 0.0

    def start(self) -> None:
        """Begin to connect, or to ask for a QR code. Returns at once; news comes through the listener.

        One that was stopped before its turn came doesn't begin.
        """
        with self._door.acting():
            with self._beginning:
                if self._stopping:
                    return
                self._thread.start()
            self._first_sign.wait(CLOSED_AT_MOST_SECONDS)

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of the neonize client, or of one of its stores (`contact.get_all_contacts`).

        Raises SessionNotConnected when Go doesn't know the client.
        """
        method = attrgetter(name)(self._neonize)
        if self._stopping or not self._in_map.is_set():
            raise SessionNotConnected()
        self._door.pass_through()
        return method(*arguments, **keywords)

    def stop(self) -> bool:
        """Disconnect, then take the client out of Go's map. False if it hangs and was given up."""
        with self._beginning:
            if self._stopping:
                return self._returned.is_set()
            self._stopping = True
            if self._thread.ident is None:
                self._returned.set()
                return True
        known = self._in_map.is_set()
        if known and not _within(DISCONNECT_WAIT_SECONDS, self._disconnect):
            return self._give_up("disconnect_hangs")
        if not _within(DISCONNECT_WAIT_SECONDS, self._take_out):
            return self._give_up("stop_hangs")
        # neonize's call does not return when it is stopped while a QR is shown.
        if not self._returned.wait(RETURN_WAIT_SECONDS):
            return self._give_up("never_returns")
        return True

    def _disconnect(self) -> None:
        self._door.pass_through()
        self._neonize.disconnect()

    def _take_out(self) -> None:
        """Once Go has handed over what it had buffered, remove the client from its map: what it still holds is gone."""
        self._last_event = time.monotonic()
        while (quiet := time.monotonic() - self._last_event) < QUIET_SECONDS:
            time.sleep(QUIET_SECONDS - quiet)
        with self._door.acting():
            self._neonize.stop()

    def _give_up(self, why: str) -> bool:
        count_given_up(1)
        log.warning("client_given_up", why=why, thread=self._thread.name, given_up=given_up)
        return False

    def _on_event(self, code: int, raw: bytes) -> None:
        self._sign_of_life()
        self._listener.on_event(code, raw)  # while stopping too: WhatsApp has its ack for these already
        self._last_event = time.monotonic()

    def _sign_of_life(self) -> None:
        self._in_map.set()
        self._first_sign.set()

    def _run(self) -> None:
        error: str | None
        try:
            error = self._connect()
        finally:
            self._first_sign.set()
            self._returned.set()
        if not self._stopping:
            self._listener.on_end(error)

    def _connect(self) -> str | None:
        """neonize's `connect` without its polling thread: Go's blocking call, on this thread."""

        def on_qr(_uuid: int, text: int) -> None:
            self._sign_of_life()
            if not self._stopping:
                self._listener.on_qr(ctypes.string_at(text).decode())

        def on_login_over(_uuid: int, outcome: int) -> None:
            if not self._stopping:
                self._listener.on_login_over(ctypes.string_at(outcome).decode(errors="replace"))

        neonize = self._neonize
        props = neonize.device_props.SerializeToString()
        codes = bytearray(self._events.list_func)
        # Everything Go keeps a pointer to lives in this frame, until its call returns.
        subscribed = (ctypes.c_char * len(codes)).from_buffer(codes)
        callbacks = (
            func_string(on_qr),
            func_string(on_login_over),
            func_callback_bytes(self._events.execute),
            func_callback_bytes2(log_whatsmeow),
        )
        proxy = ProxySettings(self.proxy)._to_c_struct() if self.proxy else None
        error = gocode.Neonize(
            neonize.name.encode(), neonize.uuid, b"", 0, 0, b"WARN", *callbacks, subscribed, len(codes),
            props, len(props), b"", 0, ctypes.byref(proxy) if proxy is not None else None,
        )  # fmt: skip
        return error.decode() if error else None


def _within(seconds: float, action: Callable[[], None]) -> bool:
    """Run it on a thread of its own; False if it isn't done after `seconds`."""
    thread = threading.Thread(target=action, name="wa-stop", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


class DeviceStores:
    """whatsmeow's own stores, one SQLite file per session.

    Python must never open one: closing a file drops the whole process's locks on it, Go's SQLite's among them, and a
    second SQLite library in one process believes itself alone with the write-ahead log and deletes it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def path(self, session_id: str) -> Path:
        """The session's file."""
        return self._folder / f"{session_id}.db"

    def has(self, session_id: str) -> bool:
        """Whether the session's file is there."""
        return self.path(session_id).exists()

    def prepare(self, session_id: str) -> Path:
        """The session's file, made from an empty store if it isn't there: creating the tables takes long enough to
        keep the door closed past its limit, and two at once fail."""
        path = self.path(session_id)
        if not path.exists():
            fresh = path.with_suffix(".new")
            shutil.copyfile(self._template(), fresh)
            fresh.rename(path)
        return path

    def forget(self, session_id: str) -> None:
        """Remove the session's keys for good."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path(session_id)}{suffix}").unlink(missing_ok=True)

    def _template(self) -> Path:
        template = self._folder / "empty.store"
        if not template.exists():
            making = self._folder / f"empty.{uuid.uuid4().hex[:8]}"
            ClientFactory.get_all_devices_from_db(str(making))  # opens it, which creates the tables
            making.rename(template)
        return template
