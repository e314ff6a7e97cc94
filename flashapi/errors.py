"""Everything that can go wrong in a way the caller is told about, with its HTTP status and the contract's text.

FlashAPIError
├── InvalidInput 400 ─ NotRegistered, SessionNotConnected, SessionMustBeConnected, NeverPaired
├── Unauthorized 401
├── Forbidden 403: WhatsApp does not let this account do it
├── NotFound 404 ─ SessionNotFound
├── Conflict 409 ─ DeviceMissing
├── Gone 410
├── TooLarge 413
├── TooManyRequests 429 ─ QueueFull, PacingLimit, SendingRestricted
├── Unavailable 503 ─ DatabaseUnavailable, RedisUnavailable, NoWorker, SessionBusy
├── WhatsAppError 502: WhatsApp refused
└── OutcomeUnknown 504: nobody can say whether it was done

Workers hand expected errors to the web tier by `code` (JSON carries no exceptions); `from_wire` makes them again.
"""

from typing import Any, ClassVar


class FlashAPIError(Exception):
    """An expected failure. `message` is for the user, in Portuguese; `details` become fields beside it."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    default: ClassVar[str] = "Erro interno do servidor"

    def __init__(self, message: str = "", **details: Any) -> None:
        self.message = message or self.default
        self.details = details
        super().__init__(self.message)

    def to_wire(self) -> dict[str, Any]:
        """The JSON a worker stores as a job's result in place of an answer."""
        return {"error": self.code, "message": self.message, "details": self.details}


class InvalidInput(FlashAPIError):
    """The request can't be carried out as written; the message names the field."""

    status, code, default = 400, "invalid_input", "Requisição inválida"


class NotRegistered(InvalidInput):
    """The number has no WhatsApp account."""

    code, default = "not_registered", "O número informado não está registrado no WhatsApp"


class SessionNotConnected(InvalidInput):
    """A call that needs a live connection, on a session that has none."""

    code, default = "session_not_connected", "Sessão não está conectada"


class SessionMustBeConnected(InvalidInput):
    """Restart of a session that is neither connected nor connecting."""

    code, default = "session_must_be_connected", "Sessão Deve está conectada"


class NeverPaired(InvalidInput):
    """A queued send for a session that no phone is linked to."""

    code, default = "never_paired", "Sessão não está conectada"


class Unauthorized(FlashAPIError):
    """The key is missing or wrong."""

    status, code, default = 401, "unauthorized", "API Key inválida"


class Forbidden(FlashAPIError):
    """WhatsApp does not let the session's account do this: not an admin, not a member."""

    status, code, default = 403, "forbidden", "O WhatsApp não permite esta operação a esta conta"


class NotFound(FlashAPIError):
    """What the path or a field names doesn't exist."""

    status, code, default = 404, "not_found", "Não encontrado"


class SessionNotFound(NotFound):
    """No session has this id, key or name."""

    code, default = "session_not_found", "Sessão não encontrada"


class Conflict(FlashAPIError):
    """It exists already, or is in a state that forbids this."""

    status, code, default = 409, "conflict", "Conflito"


class DeviceMissing(Conflict):
    """The session is paired, but its device's keys are not on the machine that serves it."""

    code = "device_missing"
    default = (
        "As chaves do aparelho desta sessão não estão no servidor (DATA_DIR/devices); "
        "restaure-as, ou desconecte a sessão para vincular de novo"
    )


class Gone(FlashAPIError):
    """It was there once and won't come back."""

    status, code, default = 410, "gone", "Não está mais disponível"


class TooLarge(FlashAPIError):
    """The body is over its limit."""

    status, code, default = 413, "too_large", "Corpo da requisição excede o limite permitido"


class TooManyRequests(FlashAPIError):
    """The caller's rate limit is used up; details carry `retry_after` in seconds."""

    status, code = 429, "too_many_requests"
    default = "Muitas requisições. Tente novamente mais tarde."


class QueueFull(TooManyRequests):
    """The session's queue has reached its bound; nothing was accepted."""

    code, default = "queue_full", "A fila da sessão está cheia; tente novamente mais tarde"


class PacingLimit(TooManyRequests):
    """The session's own pacing guard lets no message out now."""

    code, default = "pacing_limit", "O limite de envios configurado para a sessão foi atingido"


class SendingRestricted(TooManyRequests):
    """WhatsApp has restricted the account: nothing goes to chats that have never written to it."""

    code, default = "sending_restricted", "O WhatsApp restringiu esta conta para conversas novas"


class WhatsAppError(FlashAPIError):
    """WhatsApp refused what was asked; details carry its `whatsapp_code` where it gave one."""

    status, code, default = 502, "whatsapp_error", "O WhatsApp recusou a operação"


class Unavailable(FlashAPIError):
    """It can't be done now and nothing was done; trying again later is right."""

    status, code, default = 503, "unavailable", "Serviço temporariamente indisponível"


class DatabaseUnavailable(Unavailable):
    """The database is away or its write lock was not to be had."""

    code, default = "database_unavailable", "Banco de dados indisponível no momento"


class CommitUnknown(DatabaseUnavailable):
    """The connection broke off while a COMMIT was answered: it was done or it wasn't, and only a look can tell."""

    code = "commit_unknown"


class RedisUnavailable(Unavailable):
    """Redis is away."""

    code, default = "redis_unavailable", "Fila de trabalhos indisponível no momento"


class NoWorker(Unavailable):
    """No session worker took the call in time; it was withdrawn, so it won't happen later."""

    code, default = "no_worker", "Nenhum worker disponível no momento; tente novamente"


class SessionBusy(Unavailable):
    """Too many calls of this session are waiting already; this one was not begun."""

    code, default = "session_busy", "A sessão tem operações demais em espera; tente novamente em instantes"


class OutcomeUnknown(FlashAPIError):
    """The wait ran out while it was being done; details carry the `reference` to look it up by."""

    status, code, default = 504, "outcome_unknown", "Tempo esgotado aguardando o WhatsApp; resultado desconhecido"


def _family(base: type[FlashAPIError]) -> dict[str, type[FlashAPIError]]:
    found = {base.code: base}
    for child in base.__subclasses__():
        found.update(_family(child))
    return found


def from_wire(result: dict[str, Any]) -> FlashAPIError:
    """The exception a worker described with `to_wire`."""
    kind = _family(FlashAPIError).get(result["error"], FlashAPIError)
    return kind(result["message"], **result.get("details", {}))
