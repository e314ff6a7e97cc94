"""How a client without an account becomes somebody's linked device: by QR code or by an eight-character code."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

import structlog

from sandbox.accounts import Account, Device, PreKey, other_spelling
from sandbox.codes import answer_code, finish_code
from sandbox.connection import Connection, ConnectionLost
from sandbox.devices import announce_devices
from sandbox.jid import SERVER
from sandbox.network import Network
from sandbox.noise import Finished
from sandbox.pairing import LinkRequest, PairingRefused, sign_device, verify_device
from sandbox.protobufs import companion
from sandbox.stanzas import error, new_id, notification, now, request, result, stream_error
from sandbox.wire import Node

# A client shows its first code for 60 s and each further one for 20 s (whatsmeow, qrchan.go); a ref dies with its code.
FIRST_REF_SECONDS = 60
REF_SECONDS = 20
REFS = 6
ANSWER_SECONDS = 20  # a client that does not answer for so long is not there any more

log = structlog.get_logger()


class LinkExpired(ValueError):
    """The QR code or pairing code belongs to no client that is waiting."""


class LinkUnanswered(Exception):
    """The client stopped answering in the middle of the pairing, or refused it."""


@dataclass(slots=True, eq=False)
class Candidate:
    """A connected client that wants to be linked."""

    connection: Connection
    registration: Finished
    refs: dict[str, float] = field(default_factory=dict)  # ref -> when it expires, time.monotonic()
    number: str = ""  # whose code it shows, if any
    code_ref: bytes = b""
    wrapped_ephemeral: bytes = b""
    taken: bool = False  # a phone is linking it, or has
    answers: dict[str, asyncio.Future[Node]] = field(default_factory=dict)

    async def ask(self, stanza: Node, answer: str) -> Node:
        """Send something and wait for the client's stanza that answers it. Raises LinkUnanswered."""
        future: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        self.answers[answer] = future
        self.connection.send(stanza)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except TimeoutError as error:
            raise LinkUnanswered from error
        finally:
            del self.answers[answer]

    def settle(self, answer: str, node: Node) -> None:
        if (future := self.answers.get(answer)) and not future.done():
            future.set_result(node)

    def give_up(self) -> None:
        """The connection is gone: whoever waits for an answer learns it."""
        for future in self.answers.values():
            if not future.done():
                future.set_exception(LinkUnanswered())


class Linking:
    """The clients that wait to be linked, and what phones do with them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.by_ref: dict[str, Candidate] = {}
        self.by_number: dict[str, Candidate] = {}  # the last client that asked for a code for this number

    async def serve(self, connection: Connection, registration: Finished) -> None:
        """Look after an unpaired client until it goes, is linked or has used up its QR codes."""
        candidate = Candidate(connection, registration)
        start = time.monotonic()
        for index in range(REFS):
            ref = secrets.token_urlsafe(24)
            candidate.refs[ref] = start + FIRST_REF_SECONDS + REF_SECONDS * index
            self.by_ref[ref] = candidate
        refs = [Node("ref", {}, ref.encode()) for ref in candidate.refs]
        connection.send(request("md", Node("pair-device", {}, list(refs))))
        try:
            async with asyncio.timeout(FIRST_REF_SECONDS + REF_SECONDS * REFS):
                while True:
                    self._handle(candidate, await connection.receive())
        except TimeoutError:
            connection.close_soon()
        except ConnectionLost:
            connection.abort()
        finally:
            candidate.give_up()
            for ref in candidate.refs:
                del self.by_ref[ref]
            if self.by_number.get(candidate.number) is candidate:
                del self.by_number[candidate.number]

    async def scan(self, account: Account, link: LinkRequest) -> Device:
        """The phone scans a QR code. Raises LinkExpired, LinkUnanswered and PairingRefused."""
        candidate = self.by_ref.get(link.ref)
        if candidate is None or candidate.taken or candidate.refs[link.ref] < time.monotonic():
            raise LinkExpired
        if candidate.registration.client_static != link.noise_key:
            raise PairingRefused("the code was made for another connection")
        return await self._link(account, candidate, link.identity_key, link.adv_secret)

    async def enter_code(self, account: Account, code: str) -> Device:
        """The phone's owner types a pairing code. Raises LinkExpired, LinkUnanswered, WrongCode and PairingRefused."""
        candidate = self.by_number.get(account.number) or self.by_number.get(other_spelling(account.number) or "")
        if candidate is None or candidate.taken:
            raise LinkExpired
        answer = await asyncio.to_thread(answer_code, code, candidate.wrapped_ephemeral)
        offer = notification(
            "link_code_companion_reg",
            SERVER,
            Node(
                "link_code_companion_reg",
                {"stage": "primary_hello"},
                [
                    Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, answer.wrapped_primary_ephemeral),
                    Node("primary_identity_pub", {}, account.identity.public),
                    Node("link_code_pairing_ref", {}, candidate.code_ref),
                ],
            ),
        )
        finish = await candidate.ask(offer, "companion_finish")
        identity_key = finish.child_data("companion_identity_public")
        adv_secret = finish_code(
            answer.shared_secret,
            account=account.identity,
            wrapped_key_bundle=finish.child_data("link_code_pairing_wrapped_key_bundle"),
            companion_identity=identity_key,
        )
        return await self._link(account, candidate, identity_key, adv_secret)

    async def _link(self, account: Account, candidate: Candidate, identity_key: bytes, adv_secret: bytes) -> Device:
        """Vouch for the device, wait for its counter-signature, make it a device of the account."""
        candidate.taken = True
        number = account.next_device
        account.next_device += 1
        self.network.store.save_account(account)
        signed = sign_device(
            account.identity,
            identity_key=identity_key,
            adv_secret=adv_secret,
            key_index=number,
            timestamp=int(time.time()),
        )
        offer = request(
            "md",
            Node(
                "pair-success",
                {},
                [
                    Node("device-identity", {}, signed),
                    Node("device", {"jid": account.address(number), "lid": account.hidden_address(number)}),
                    Node("platform", {"name": "android"}),
                ],
            ),
        )
        offer.attrs["t"] = now()
        answer = await candidate.ask(offer, offer.text("id"))
        if answer.text("type") != "result":
            raise PairingRefused("the client refused to be linked")
        verify_device(account.identity.public, identity_key, answer.child_data("pair-device-sign", "device-identity"))
        device = self._make_device(number, identity_key, candidate.registration)
        account.devices[number] = device
        self.network.store.save_device(account, device)
        candidate.connection.send(stream_error("515"))
        candidate.connection.close_soon()
        announce_devices(self.network, account)
        log.info("device_linked", account=account.number, device=number)
        return device

    @staticmethod
    def _make_device(number: int, identity_key: bytes, registration: Finished) -> Device:
        data = registration.payload.devicePairingData
        props = companion.DeviceProps.FromString(data.deviceProps)
        signed = PreKey(int.from_bytes(data.eSkeyID, "big"), data.eSkeyVal, data.eSkeySig)
        return Device(
            number=number,
            noise_key=registration.client_static,
            identity_key=identity_key,
            registration_id=int.from_bytes(data.eRegid, "big"),
            signed_prekey=signed,
            key_index=number,
            name=props.os,
            browser=companion.DeviceProps.PlatformType.Name(props.platformType),
        )

    def _handle(self, candidate: Candidate, node: Node) -> None:
        """An unpaired client's stanza: an answer, a step of pairing by code, or a keep-alive."""
        if node.tag != "iq":
            return
        if node.text("type") in ("result", "error"):
            candidate.settle(node.text("id"), node)
            return
        step = node.child("link_code_companion_reg")
        if step is None:
            known = node.text("xmlns") == "w:p"
            candidate.connection.send(result(node) if known else error(node, 501, "feature-not-implemented"))
        elif step.text("stage") == "companion_hello":
            candidate.connection.send(self._accept_hello(candidate, node, step))
        else:
            candidate.connection.send(result(node))
            candidate.settle(step.text("stage"), step)

    def _accept_hello(self, candidate: Candidate, query: Node, hello: Node) -> Node:
        jid = hello.jid("jid")
        if jid is None or not jid.user:
            return error(query, 400, "bad-request")
        candidate.number = jid.user
        candidate.code_ref = new_id().encode()
        candidate.wrapped_ephemeral = hello.child_data("link_code_pairing_wrapped_companion_ephemeral_pub")
        self.by_number[jid.user] = candidate
        ref = Node("link_code_pairing_ref", {}, candidate.code_ref)
        return result(query, Node("link_code_companion_reg", {"stage": "companion_hello"}, [ref]))
