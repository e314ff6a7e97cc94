"""Calls: a phone rings somebody's linked devices, and learns whether one of them refuses.

Nobody can talk here; what a call consists of is its offer, a rejection, and its end (whatsmeow, call.go).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from sandbox.accounts import Account
from sandbox.inbox import Envelope, Inbox
from sandbox.network import Link, Network
from sandbox.stanzas import acknowledge, new_id, now
from sandbox.wire import Node, Value

RINGING_SECONDS = 60
REJECTED = "call_rejected"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that rings."""

    id: str
    caller: Account
    callee: Account
    end: asyncio.TimerHandle


class Calls:
    """The calls that phones make; they end with the process."""

    def __init__(self, network: Network, inbox: Inbox) -> None:
        self.network = network
        self.inbox = inbox
        self._ringing: dict[str, Call] = {}

    def start(self, caller: Account, callee: Account, *, video: bool) -> str:
        """Ring; returns the call's id. It ends by itself when nobody has reacted for a minute."""
        id = secrets.token_hex(16).upper()
        timer = asyncio.get_running_loop().call_later(RINGING_SECONDS, self._end, id, "timeout")
        call = self._ringing[id] = Call(id, caller, callee, timer)
        media = [Node("audio", {"enc": "opus", "rate": "16000"}), Node("net", {"medium": "3"})]
        if video:
            media.insert(1, Node("video", {"enc": "vp8", "dec": "vp8", "orientation": "0"}))
        if not self.network.preferences.blocks(callee, caller):
            self._tell(call, "offer", {}, [*media, Node("encopt", {"keygen": "2"})])
        return id

    def hang_up(self, id: str, caller: Account) -> None:
        """The caller gives up. Raises LookupError for a call that does not ring (any more)."""
        if id not in self._ringing or self._ringing[id].caller is not caller:
            raise LookupError(id)
        self._end(id, "")

    def notice(self, account: Account, author: Account, stanza: Node) -> None:
        """A device of the callee reacts: show a rejection at the caller's phone, and end the call."""
        rejection = stanza.child("reject")
        call = self._ringing.get(rejection.text("call-id")) if rejection else None
        if call is None or call.caller is not account or call.callee is not author:
            return
        address, hidden = str(author.address()), str(author.hidden_address())
        envelope = Envelope(stanza.text("id"), address, address, hidden, int(now()))
        self.inbox.add(account.number, envelope, {"type": REJECTED, "target": call.id}, read=True)
        self._end(call.id, "rejected")

    def _end(self, id: str, reason: str) -> None:
        call = self._ringing.pop(id)
        call.end.cancel()
        if not self.network.preferences.blocks(call.callee, call.caller):
            self._tell(call, "terminate", {"reason": reason} if reason else {}, None)

    def _tell(self, call: Call, event: str, attrs: dict[str, Value], content: list[Node] | None) -> None:
        """One step of the call, to every linked device of the callee."""
        caller = call.caller
        detail = Node(
            event,
            {"call-id": call.id, "call-creator": caller.hidden_address(), "caller_pn": caller.address(), **attrs},
            content,
        )
        stanza = Node(
            "call",
            {
                "from": caller.hidden_address(),
                "id": new_id(),
                "t": now(),
                "platform": "android",
                "version": "2.26.40.76",
                "notify": caller.push_name,
                "e": "0",
            },
            [detail],
        )
        self.network.deliver_to_linked(call.callee, stanza)


def handle_call(network: Network, link: Link, stanza: Node) -> None:
    """A device says something about a call: it is for the phone that calls."""
    kind = stanza.children[0].tag if stanza.children else ""
    link.connection.send(acknowledge(stanza, type=kind))
    caller = network.directory.by_jid(stanza.jid("to"))
    if caller is not None:
        source = link.account.hidden_address(link.device.number)
        relayed = Node("call", {"from": source, "id": stanza.text("id"), "t": now()}, stanza.content)
        network.deliver(caller.hidden_address(), relayed)
