"""What neonize's error texts say about a question that WhatsApp did not answer as hoped.

The texts are whatsmeow's (errors.go, and IQError: "info query returned status 403: forbidden"); neonize hands on
nothing else. Those of a send are read in `send_errors`.
"""

import re

from flashapi.errors import (
    FlashAPIError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotRegistered,
    OutcomeUnknown,
    SessionNotConnected,
    WhatsAppError,
)

_STATUS = re.compile(r"status (\d{3})|error (\d{3})")
_TEXTS: dict[str, FlashAPIError] = {
    "you're not participating in that group": Forbidden("A sessão não participa deste grupo"),
    "that group does not exist": NotFound("Grupo não encontrado"),
    "you don't have the permission to get the group's invite link": Forbidden(
        "A sessão não tem permissão para ver o link de convite deste grupo"
    ),
    "that group invite link has been revoked": InvalidInput("O link de convite foi revogado"),
    "that group invite link is not valid": InvalidInput("O link de convite não é válido"),
    "the given data is not a valid image": InvalidInput("O WhatsApp não aceitou a imagem; use JPEG"),
    "no LID found": NotRegistered(),
    "the store doesn't contain a device JID": SessionNotConnected(),
    "websocket not connected": SessionNotConnected(),
    "client is nil": SessionNotConnected(),
    "websocket disconnected": OutcomeUnknown(),
    "info query timed out": OutcomeUnknown(),
}
_STATUSES: dict[int, FlashAPIError] = {
    400: InvalidInput("O WhatsApp considerou a requisição inválida"),
    401: Forbidden("O WhatsApp não permite esta operação a esta conta"),
    403: Forbidden("O WhatsApp não permite esta operação a esta conta"),
    404: NotFound("O WhatsApp não conhece o que foi informado"),
    406: InvalidInput("O WhatsApp não aceitou o valor informado"),
}


def judge(text: str) -> FlashAPIError:
    """The error to tell the caller; a text nobody knows means that WhatsApp refused."""
    for known, error in _TEXTS.items():
        if known in text:
            return error
    if found := _STATUS.search(text):
        code = int(found[1] or found[2])
        return _STATUSES.get(code) or WhatsAppError(
            f"O WhatsApp recusou a operação (código {code})", whatsapp_code=code
        )
    return WhatsAppError()
