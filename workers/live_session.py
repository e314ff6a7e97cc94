"""One session as its owner runs it: brings it to what is wanted, writes down what is seen (D5)."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from neonize.exc import NeonizeError
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps

from flashapi import bus, shards
from flashapi.connections import Connections
from flashapi.errors import SessionNotConnected
from flashapi.events import Event, QRUpdated, SessionConnected, SessionDisconnected
from flashapi.models.base import now_ms
from flashapi.models.sessions import Reason, State, Wanted
from flashapi.qr_picture import picture
from flashapi.removal import remove_rows
from flashapi.settings import Settings
from workers import from_whatsapp
from workers.clients import CODES, Client, DeviceStores
from workers.door import Door
from workers.inbound import Inbound, persistently
from workers.lanes import Lane
from workers.login import Ending, Hooks, Login, Phase
from workers.outbox import OutboxRunner
from workers.courtesies import appear_online, ask_code
from workers.seen import settle_wanted, write_state
from workers.store_inbound import record_only

log = structlog.get_logger()

FIRST_QR_MS, NEXT_QR_MS = 60_000, 20_000
"""How long WhatsApp honours the first code of an attempt and each one after it (whatsmeow, qrchan.go)."""
DIAL_SLOT_SECONDS = 15.0
LOGOUT_CONNECT_SECONDS = 20.0
LOGOUT_TRIES_FOR_SECONDS = 600.0
BACKOFF_SECONDS = (1, 2, 4, 8, 15, 30)


@dataclass(frozen=True)
class Tools:
    """What all sessions of a process share."""

    settings: Settings
    connections: Connections
    inbound: Inbound
    stores: DeviceStores
    door: Door
    dial_slots: threading.BoundedSemaphore  # so that a restart doesn't dial hundreds at once


class LiveSession:
    """A session of a shard we hold."""

    def __init__(self, row: Any, lease: shards.Lease, tools: Tools) -> None:
        self.session_id: str = row.id
        self.mode: str = row.mode
        self.row = row
        self.questions = Lane(f"questions-{row.id[:8]}", width=2)
        self._lease = lease
        self._tools = tools
        self._control = Lane(f"control-{row.id[:8]}")  # starts and stops, one at a time
        self._login: Login | None = None
        self._dialling: Login | None = None
        self._failures = 0
        self._tried_generation = -1  # of the last start
        self._ended_generation = -1  # an attempt of it ended for good: only a new wish starts another
        self._code: str | None = None
        self._paired: bool = row.paired
        self._retry: threading.Timer | None = None
        self._connected = threading.Event()
        self._logout_since: float | None = None
        self._gone = threading.Event()
        self.outbox = OutboxRunner(self, tools.connections, tools.inbound.early)

    # What the lanes ask

    @property
    def epoch(self) -> int:
        """The epoch of the shard's lease."""
        return self._lease.epoch

    def may_act(self) -> bool:
        """Whether the lease leaves time to act."""
        return self._lease.is_safe()

    def connected_client(self) -> Client | None:
        """The client, while it is logged in."""
        login = self._login
        return login.client if login is not None and login.phase is Phase.CONNECTED else None

    @property
    def is_removed(self) -> bool:
        """Whether nothing of the session is left to run."""
        return self._gone.is_set()

    # Bringing it to what is wanted

    def bring_to(self, row: Any) -> None:
        """Do what `row` asks for, after whatever is being done. Returns at once."""
        self._control.put(lambda: self._bring_to(row))

    def stop(self) -> None:
        """End it for this process, without a word to the database: another owner goes on. Blocks a few seconds."""
        self.outbox.close()
        self.questions.close()
        self._cancel_retry()
        self._stop_client()
        self._control.close()

    def _bring_to(self, row: Any) -> None:
        if self._gone.is_set():
            return
        self.row = row
        match Wanted(row.wanted):
            case Wanted.RUNNING if row.generation == self._ended_generation:
                log.debug("wish_is_old", session=self.session_id)  # read before the ending was written
            case Wanted.RUNNING:
                if self._login is None and self._retry is None:
                    self._start()
                elif self._login is not None and self._login.generation != row.generation:
                    self._stop_client()
                    self._failures = 0
                    self._start()
                elif self._retry is not None and self._tried_generation != row.generation:
                    self._cancel_retry()
                    self._failures = 0
                    self._start()
            case Wanted.STOPPED:
                self._cancel_retry()
                if self._login is not None:
                    self._stop_client()
                    self._write(State.DISCONNECTED, Reason.STOPPED)
                elif row.state != State.DISCONNECTED:
                    self._write(State.DISCONNECTED, Reason.STOPPED)
            case Wanted.UNLINKED | Wanted.DELETED:
                self._unlink(row)

    def _start(self) -> None:
        """Make a client and let it connect. Waits for a free dial slot, at most DIAL_SLOT_SECONDS each."""
        if not self.may_act():
            return
        tools = self._tools
        self._retry = None
        self._tried_generation = self.row.generation
        self._code = None
        login = Login(self.session_id, self.row.generation, tools.inbound, self._hooks())
        login.client = Client(
            tools.door, self.session_id, tools.stores.prepare(self.session_id), _device_props(tools.settings), login
        )
        self._connected.clear()
        self._login = login
        self._write(
            State.CONNECTING,
            None,
            events=False,
            qr=None,
            qr_expires_at=None,
            pairing_code=None,
            connection_attempts=self._failures + 1,
        )
        if not tools.dial_slots.acquire(timeout=DIAL_SLOT_SECONDS):
            log.warning("dial_slot_late", session=self.session_id)
        else:
            self._dialling = login
            threading.Timer(DIAL_SLOT_SECONDS, self._settled, (login,)).start()
        log.info("session_starting", session=self.session_id, paired=self._paired)
        login.client.start()

    def _stop_client(self) -> bool:
        login, self._login = self._login, None
        self._connected.clear()
        if login is None or login.client is None:
            return True
        login.phase = Phase.OVER
        self._settled(login)
        return login.client.stop()

    def _unlink(self, row: Any) -> None:
        """Log the device out at WhatsApp, which needs a connection, then forget it."""
        if self._logout_since is None:
            self._logout_since = time.monotonic()
        if self._paired and not self._log_out():
            if time.monotonic() - self._logout_since < LOGOUT_TRIES_FOR_SECONDS:
                return  # the next look tries again
            log.warning("logout_given_up", session=self.session_id)
        self._cancel_retry()
        self._stop_client()
        self._tools.stores.forget(self.session_id)
        self._paired = False
        self._logout_since = None
        if row.wanted == Wanted.DELETED:
            self._gone.set()
            self.outbox.close()
            persistently(self._remove_rows)
            log.info("session_deleted", session=self.session_id)
            return
        self._write(
            State.DISCONNECTED, Reason.LOGGED_OUT, paired=False, qr=None, qr_expires_at=None, pairing_code=None
        )
        persistently(
            lambda: settle_wanted(self._tools.connections, self.session_id, row.generation, Wanted.STOPPED)
        )

    def _remove_rows(self) -> None:
        with self._tools.connections.transaction() as connection:
            remove_rows(connection, self.session_id)

    def _log_out(self) -> bool:
        if self._login is None:
            self._start()
        if not self._connected.wait(LOGOUT_CONNECT_SECONDS):
            return False
        client = self.connected_client()
        if client is None:
            return False
        try:
            client.call("logout")
        except (NeonizeError, SessionNotConnected) as error:
            log.warning("logout_failed", session=self.session_id, error=str(error))
            return False
        return True

    # What the login tells, on the session's inbound line

    def _hooks(self) -> Hooks:
        return Hooks(
            qr=self._show_qr,
            connected=self._is_connected,
            lost=self._is_lost,
            over=self._over,
            seen=self._seen,
            settled=self._settled,
        )

    def _show_qr(self, login: Login, text: str) -> None:
        if self._paired:  # its keys are gone (a device folder that was not restored, say): WhatsApp asks to pair anew
            self._paired = False
            login.end(Ending(Reason.LOGGED_OUT, unlinked=True))
            return
        login.phase = Phase.SHOWING_QR
        login.codes_shown += 1
        if self.row.number and login.codes_shown == 1:
            # On a thread of its own: it asks WhatsApp, and this line has other sessions behind it.
            threading.Thread(target=self._show_pairing_code, args=(login, text), daemon=True).start()
            return
        self._announce_qr(login, text, self._code)

    def _show_pairing_code(self, login: Login, text: str) -> None:
        assert login.client is not None
        self._code = ask_code(login.client, self.row.number)
        if login.phase is Phase.SHOWING_QR:
            self._announce_qr(login, text, self._code)

    def _announce_qr(self, login: Login, text: str, code: str | None) -> None:
        lasts = FIRST_QR_MS if login.codes_shown == 1 else NEXT_QR_MS
        self._write(
            State.QR_READY,
            None,
            QRUpdated(qr=picture(text), code=code),
            qr=text,
            qr_expires_at=now_ms() + lasts,
            pairing_code=code,
        )

    def _is_connected(self, login: Login) -> None:
        assert login.device is not None  # neonize tells it before anything else
        jid, lid = from_whatsapp.jid_text(login.device.JID), from_whatsapp.jid_text(login.device.LID)
        phone = login.device.JID.User
        self._failures = 0
        self._paired = True
        self._write(
            State.CONNECTED,
            None,
            SessionConnected(phone=phone, jid=jid, lid=lid, name=login.device.PushName or None),
            paired=True,
            phone=phone,
            lid=lid,
            qr=None,
            qr_expires_at=None,
            pairing_code=None,
            last_connected_at=now_ms(),
            last_event_at=now_ms(),
            connection_attempts=0,
            reconnect_attempts=0,
        )
        self._connected.set()
        self.outbox.wake()
        self.questions.put(lambda: appear_online(login))

    def _is_lost(self, _login: Login) -> None:
        self._connected.clear()
        self._write(State.RECONNECTING, Reason.CONNECTION_LOST)

    def _over(self, login: Login | None, ending: Ending) -> None:
        """The attempt has ended without being asked to."""
        log.info("login_over", session=self.session_id, reason=ending.reason.value)
        if ending.again:
            self._failures += 1
            pause = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS)) - 1]
            self._write(State.CONNECTING, ending.reason, events=self._failures == 1)
            self._control.put(self._stop_client_of(login))
            self._retry = threading.Timer(pause, lambda: self._control.put(self._start_again))
            self._retry.daemon = True
            self._retry.start()
            return
        columns: dict[str, Any] = {"qr": None, "qr_expires_at": None, "pairing_code": None}
        if ending.unlinked:
            self._paired = columns["paired"] = False
        generation = self._ended_generation = self.row.generation
        persistently(lambda: settle_wanted(self._tools.connections, self.session_id, generation, Wanted.STOPPED))
        self._write(State.DISCONNECTED, ending.reason, **columns)
        self._control.put(self._stop_client_of(login, forget=ending.unlinked))

    def _stop_client_of(self, login: Login | None, forget: bool = False) -> Any:
        def stop() -> None:
            if self._login is login:
                self._stop_client()
                if forget:
                    self._tools.stores.forget(self.session_id)

        return stop

    def _start_again(self) -> None:
        if self._retry is not None and self._login is None and not self._gone.is_set():
            self._start()

    def _cancel_retry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()

    def _seen(self, code: int, raw: bytes) -> None:
        if code == CODES[wire.ChatPresence]:
            self._record(from_whatsapp.chat_presence_events(raw))
        elif code == CODES[wire.Presence]:
            self._record(from_whatsapp.presence_events(raw))
        else:
            # Intentionally ignored: keep-alive and stream errors are followed by Disconnected when they matter.
            log.info("connection_noise", session=self.session_id, code=code)

    def _settled(self, login: Login) -> None:
        """The dial has come to something, or has taken long enough: let another session dial."""
        if self._dialling is login:
            self._dialling = None
            self._tools.dial_slots.release()

    # Writing it down

    def _record(self, events: list[Event]) -> None:
        def write() -> list[bus.Recorded]:
            with self._tools.connections.transaction() as connection:
                return record_only(connection, self.session_id, events)

        bus.announce(self._tools.connections.redis, persistently(write))

    def _write(
        self, state: State, reason: Reason | None, event: Event | None = None, *, events: bool = True, **columns: Any
    ) -> None:
        if event is None and reason is not None:
            event = SessionDisconnected(reason=reason.value)
        told = (event,) if event is not None and events else ()
        persistently(
            lambda: write_state(
                self._tools.connections, self.session_id, self.epoch, told, state=state, reason=reason, **columns
            )
        )


def _device_props(settings: Settings) -> DeviceProps:
    """How the linked device is named on the phone. All fields each time: Go merges them into one global."""
    platform = getattr(DeviceProps, settings.phone_name.upper(), DeviceProps.CHROME)
    return DeviceProps(os=settings.phone_client, platformType=platform, requireFullSync=False)
