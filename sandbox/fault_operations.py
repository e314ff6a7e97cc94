"""The operations that make things go wrong: `fault.set` and `fault.clear`."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sandbox.connection import Connection
from sandbox.control import Operation
from sandbox.faults import Scope
from sandbox.network import Network
from sandbox.parameters import Params, find_phone, text
from sandbox.refusals import Refusal
from sandbox.server import Gateway
from sandbox.sessions import OUTDATED
from sandbox.stanzas import failure, stream_error
from sandbox.wire import Node

HTTP_ERRORS = {status.value for status in HTTPStatus if status >= 400}
EVERYBODY = (None, "*")
FOR_EVERYBODY = {"down", "blackhole", "slow", "media", "media_silent"}  # the kinds that the whole network can have


class FaultOperations:
    """Faults by kind; each strikes what is connected now, or what comes, as its name says."""

    def __init__(self, network: Network, gateway: Gateway) -> None:
        self.network = network
        self.gateway = gateway
        self.kinds: dict[str, Callable[[Scope, Params], None]] = {
            "drop": self._drop,
            "down": self._take_down,
            "blackhole": self._swallow,
            "slow": self._slow_down,
            "nack": self._reject,
            "lost_ack": self._lose_acks,
            "replaced": self._replace,
            "outdated": self._outdate,
            "media": self._fail_media,
            "media_silent": self._silence_media,
            "garble": self._garble,
        }

    def by_name(self) -> dict[str, Operation]:
        return {"fault.set": self.set, "fault.clear": self.clear}

    async def set(self, params: Params) -> Params:
        kind = text(params, "kind")
        strike = self.kinds.get(kind)
        if strike is None:
            raise Refusal(400, f"O campo kind deve ser um destes: {', '.join(self.kinds)}.")
        scope: Scope = None
        if params.get("numero") not in EVERYBODY:
            scope = find_phone(self.network, text(params, "numero")).number
        elif kind not in FOR_EVERYBODY:
            raise Refusal(400, f"O campo numero é obrigatório para {kind}.")
        strike(scope, params)
        return {}

    async def clear(self, params: Params) -> Params:
        self.network.faults.clear()
        return {}

    def _drop(self, scope: Scope, params: Params) -> None:
        for connection in self._connections(scope):
            connection.abort()

    def _take_down(self, scope: Scope, params: Params) -> None:
        self.network.faults.take_down(scope, amount(params, "seconds"))
        self._drop(scope, params)

    def _swallow(self, scope: Scope, params: Params) -> None:
        self.network.faults.swallow(scope, amount(params, "seconds"))

    def _slow_down(self, scope: Scope, params: Params) -> None:
        self.network.faults.slow_down(scope, amount(params, "ms"))

    def _reject(self, scope: Scope, params: Params) -> None:
        self.network.faults.reject_messages(str(scope), int(amount(params, "code")), int(amount(params, "count", 1)))

    def _lose_acks(self, scope: Scope, params: Params) -> None:
        self.network.faults.lose_acks(str(scope), int(amount(params, "count", 1)))

    def _replace(self, scope: Scope, params: Params) -> None:
        self._say_goodbye(scope, stream_error("", "replaced"))

    def _outdate(self, scope: Scope, params: Params) -> None:
        self.network.faults.outdate(str(scope))
        self._say_goodbye(scope, failure(OUTDATED))

    def _fail_media(self, scope: Scope, params: Params) -> None:
        code = int(amount(params, "code"))
        if code not in HTTP_ERRORS:
            raise Refusal(400, "O campo code deve ser um erro HTTP conhecido, de 400 a 599.")
        self.network.faults.fail_media(scope, code, int(amount(params, "count", 1)))

    def _silence_media(self, scope: Scope, params: Params) -> None:
        self.network.faults.silence_media(scope, amount(params, "seconds"))

    def _garble(self, scope: Scope, params: Params) -> None:
        self.network.faults.garble(str(scope), int(amount(params, "count", 1)))

    def _say_goodbye(self, scope: Scope, last: Node) -> None:
        for connection in self._connections(scope):
            connection.send(last)
            connection.close_soon()

    def _connections(self, scope: Scope) -> list[Connection]:
        return [connection for connection in self.gateway.connections if scope in (None, connection.number)]


def amount(params: Params, field: str, default: float | None = None) -> float:
    """A number that is not negative."""
    value: Any = params.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Refusal(400, f"O campo {field} deve ser um número e não pode ser negativo.")
    return float(value)
