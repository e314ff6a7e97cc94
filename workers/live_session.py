"""One session as its owner runs it: brings it to what is wanted. What its client tells goes to `news`."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from neonize.exc import NeonizeError
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps

from flashapi import shards
from flashapi.addresses import OutgoingFailed, OutgoingRefused
from flashapi.errors import SessionNotConnected
from flashapi.models.sessions import Reason, State, Wanted
from flashapi.removal import remove_session
from flashapi.settings import Settings
from workers import outbox_restrictions, reactions
from workers.actions import directory
from workers.clients import Client
from workers.lanes import Lane
from workers.login import Ending, Login, Phase
from workers.news import News
from workers.outbox import OutboxRunner
from workers.report import NO_CODES, Report
from workers.session_proxy import SessionProxy
from workers.tools import Tools
from workers.waiting import persistently

log = structlog.get_logger()

DIAL_SLOT_SECONDS = 15.0
LOGOUT_CONNECT_SECONDS = 20.0
LOGOUT_TRIES_FOR_SECONDS = 600.0
SEND_IN_FLIGHT_SECONDS = 3.0
"""A send in flight at the end has so long for its ack: cut off, nobody would know whether it left."""
BACKOFF_SECONDS = (1, 2, 4, 8, 15, 30)


class LiveSession:
    """A session of a shard we hold. Everything that starts or stops it runs on its control lane, one at a time."""

    def __init__(self, row: Any, lease: shards.Lease, tools: Tools) -> None:
        self.session_id: str = row.id
        self.mode: str = row.mode
        self.row = row
        self.paired: bool = row.paired
        self.questions = Lane(f"questions-{row.id[:8]}", width=2)
        self.files = Lane(f"files-{row.id[:8]}", width=2)
        self.report = Report(tools.connections, row.id, lease.epoch)
        self.outbox = OutboxRunner(self, tools)
        self.connected = threading.Event()
        self._lease = lease
        self._tools = tools
        self._proxy = SessionProxy(tools.settings.allow_private_urls)
        self._control = Lane(f"control-{row.id[:8]}")
        self._login: Login | None = None
        self._dialling: Login | None = None
        self._failures = 0
        self._retry: threading.Timer | None = None
        self._tried_generation = -1  # of the last start
        self._ended_generation = -1  # an attempt of it ended for good: only a new wish starts another
        self._logout_since: float | None = None
        self._gone = False

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

    def bring_to(self, row: Any) -> None:
        """Do what `row` asks for, after whatever is being done. Returns at once."""
        self._control.put(lambda: self._bring_to(row))

    def stop(self) -> None:
        """End it for this process, without a word to the database: another owner goes on. Blocks a few seconds."""
        self.outbox.close()
        self.questions.close()
        self.files.close()
        self._control.close()
        self._cancel_retry()
        if not self.outbox.finished_within(SEND_IN_FLIGHT_SECONDS):
            log.warning("send_cut_off", session=self.session_id)
        self._stop_client()

    def reaction_to(self, code: int, raw: bytes) -> Callable[[], None] | None:
        """Asked by the news: what this session does by itself about an event."""
        return reactions.reaction_to(self, self._tools.connections, code, raw)

    def has_connected(self) -> None:
        """Told by the news: the session can send."""
        self._failures = 0
        self.paired = True
        self.connected.set()
        self.outbox.wake()
        self.questions.put(self._synchronise)

    def has_ended(self, login: Login, ending: Ending) -> None:
        """Told by the news: the attempt is over without being asked to. Another follows, or a new wish is needed."""
        log.info("login_over", session=self.session_id, reason=ending.reason.value)
        if ending.again:
            self._failures += 1
            self.report.disconnected(State.CONNECTING, ending.reason, tell=self._failures == 1)
            self._control.put(lambda: self._try_later(login))
            return
        columns: dict[str, Any] = {}
        if ending.unlinked:
            self.paired = columns["paired"] = False
        if ending.banned_seconds:
            code, lasts = f"temporary_ban_{ending.banned_as}", ending.banned_seconds * 1_000
            persistently(lambda: outbox_restrictions.restrict(self._tools.connections, self.session_id, code, lasts))
        self._end(login.generation, ending.reason, **columns)
        self._control.put(lambda: self._put_away(login, forget=ending.unlinked))

    def has_settled(self, login: Login) -> None:
        """The dial has come to something, or has taken long enough: let another session dial."""
        self._tools.registrations.end(login)
        if self._dialling is login:
            self._dialling = None
            self._tools.dial_slots.release()

    def _synchronise(self) -> None:
        client = self.connected_client()
        if client is not None:
            directory.after_login(client, self._tools.connections, self.row, self.session_id)

    def _bring_to(self, row: Any) -> None:
        if self._gone:
            return
        self.row = row
        match Wanted(row.wanted):
            case Wanted.RUNNING:
                self._run(row.generation)
            case Wanted.STOPPED:
                self._cancel_retry()
                running = self._login is not None
                self._stop_client()
                if running or row.state != State.DISCONNECTED:
                    self.report.disconnected(State.DISCONNECTED, Reason.STOPPED, **NO_CODES)
            case Wanted.UNLINKED | Wanted.DELETED:
                self._unlink(row)

    def _run(self, generation: int) -> None:
        if generation == self._ended_generation:
            return  # the wish was read before its ending was written
        waiting = self._login is not None or self._retry is not None
        if waiting and generation == self._tried_generation and not self._needs_another_proxy():
            return
        self._cancel_retry()
        self._stop_client()
        self._failures = 0
        self._start()

    def _start(self) -> None:
        """Make a client and let it connect. Waits for its turn to register, then DIAL_SLOT_SECONDS for a dial slot."""
        if not self.may_act():
            return
        tools, generation = self._tools, self.row.generation
        self._retry = None
        self._tried_generation = generation
        if self.paired and not tools.stores.has(self.session_id):
            # An empty store in its place would be a device that nobody has linked: the pairing lost without a word.
            log.error("device_missing", session=self.session_id, file=str(tools.stores.path(self.session_id)))
            self._end(generation, Reason.DEVICE_MISSING)
            return
        if not self._may_use_proxy():
            return
        login = Login(self.session_id, generation, tools.inbound, News(self))
        store = tools.stores.prepare(self.session_id)
        # A paired device has its name already: setting ours again would be another's who registers at this moment.
        props = DeviceProps() if self.paired else _device_props(tools.settings, self.row)
        name = props.SerializeToString()
        login.client = Client(tools.door, self.session_id, store, props, login, proxy=self._proxy.url)
        self._login = login
        attempt = {"reason": None} if self._failures == 0 else {}
        self.report.state(State.CONNECTING, connection_attempts=self._failures + 1, **attempt, **NO_CODES)
        if not self.paired:
            tools.registrations.begin(login, name, lambda: login.phase is Phase.OVER)
        if tools.dial_slots.acquire(timeout=DIAL_SLOT_SECONDS):
            self._dialling = login
            too_long = threading.Timer(DIAL_SLOT_SECONDS, self.has_settled, (login,))
            too_long.daemon = True
            too_long.start()
        if not self.paired:  # for the dial slot it may have waited longer than that holds
            tools.registrations.begin(login, name, lambda: login.phase is Phase.OVER)
        log.info("session_starting", session=self.session_id, paired=self.paired)
        login.client.start()

    def _end(self, generation: int, reason: Reason, **columns: Any) -> None:
        """Write an ending down after which only a new wish starts the session again."""
        self._ended_generation = generation
        # In this order: a look in between must not take the ending for a wish to stop, and write that as the reason.
        self.report.disconnected(State.DISCONNECTED, reason, **NO_CODES, **columns)
        self.report.settled(generation, Wanted.STOPPED)

    def _may_use_proxy(self) -> bool:
        """Whether the session's proxy, if it has one, still is where our requests may go; if not, tries later."""
        try:
            self._proxy.judge(self.row.proxy, turn=self._failures)
        except (OutgoingRefused, OutgoingFailed) as error:
            log.warning("proxy_refused", session=self.session_id, error=str(error))
            self._failures += 1
            first = self._failures == 1
            self.report.disconnected(State.CONNECTING, Reason.CONNECT_FAILED, tell=first, **NO_CODES)
            self._wait_and_start()
            return False
        return True

    def _needs_another_proxy(self) -> bool:
        login = self._login
        return self._proxy.leads_elsewhere(is_lost=login is not None and login.phase is Phase.RECONNECTING)

    def _stop_client(self) -> None:
        login, self._login = self._login, None
        self.connected.clear()
        if login is not None and login.client is not None:
            login.phase = Phase.OVER
            self.has_settled(login)
            login.client.stop()

    def _put_away(self, login: Login, forget: bool = False) -> None:
        if self._login is login:
            self._stop_client()
            if forget:
                self._tools.stores.forget(self.session_id)

    def _try_later(self, login: Login) -> None:
        self._put_away(login)
        self._wait_and_start()

    def _wait_and_start(self) -> None:
        pause = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS)) - 1]
        self._retry = threading.Timer(pause, lambda: self._control.put(self._start_again))
        self._retry.daemon = True
        self._retry.start()

    def _start_again(self) -> None:
        if self._retry is not None and self._login is None and not self._gone:
            self._start()

    def _cancel_retry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()

    def _unlink(self, row: Any) -> None:
        """Log the device out at WhatsApp, which needs a connection and its keys, then forget it."""
        now = time.monotonic()
        self._logout_since = self._logout_since or now
        has_keys = self._login is not None or self._tools.stores.has(self.session_id)
        if self.paired and not has_keys:
            log.error("logout_without_device", session=self.session_id)
        elif self.paired and not self._log_out():
            if now - self._logout_since < LOGOUT_TRIES_FOR_SECONDS:
                return  # the next look tries again
            log.warning("logout_given_up", session=self.session_id)
        self._cancel_retry()
        self._stop_client()
        self._tools.stores.forget(self.session_id)
        self._logout_since = None
        self.paired = False
        if row.wanted == Wanted.DELETED:
            self._gone = True
            self.outbox.close()
            persistently(lambda: remove_session(self._tools.connections, self.session_id))
            log.info("session_deleted", session=self.session_id)
            return
        self.report.disconnected(State.DISCONNECTED, Reason.LOGGED_OUT, paired=False, **NO_CODES)
        self.report.settled(row.generation, Wanted.STOPPED)

    def _log_out(self) -> bool:
        if self._login is None:
            self._start()
        if not self.connected.wait(LOGOUT_CONNECT_SECONDS):
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


def _device_props(settings: Settings, row: Any) -> DeviceProps:
    """How the linked device is named on the phone. All fields each time: Go merges them into one variable."""
    platform = DeviceProps.PlatformType.Value((row.browser or settings.phone_name).upper())
    return DeviceProps(os=row.device_name or settings.phone_client, platformType=platform, requireFullSync=False)
