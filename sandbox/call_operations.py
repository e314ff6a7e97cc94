"""The control's calls: `phone.call` and `phone.hangup`."""

from __future__ import annotations

from sandbox.calls import Calls
from sandbox.control import Operation
from sandbox.network import Network
from sandbox.parameters import Params, find_person, find_phone, flag, text
from sandbox.refusals import Refusal


class CallOperations:
    """What a phone's owner does with calls."""

    def __init__(self, network: Network, calls: Calls) -> None:
        self.network = network
        self.calls = calls

    def by_name(self) -> dict[str, Operation]:
        return {"phone.call": self.call, "phone.hangup": self.hang_up}

    async def call(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        to = find_person(self.network, text(params, "to"), "to")
        if to is account:
            raise Refusal(400, "O campo to deve ser de outro telefone.")
        return {"callId": self.calls.start(account, to, video=flag(params, "video", False))}

    async def hang_up(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        try:
            self.calls.hang_up(text(params, "callId"), account)
        except LookupError as error:
            raise Refusal(404, "O campo callId não é de uma ligação em curso deste telefone.") from error
        return {}
