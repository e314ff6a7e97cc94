"""What neonize's error texts say about a send: did it leave, and whose fault is it.

The texts are whatsmeow's sentinel errors (errors.go, "Some errors that Client.SendMessage can return") as they come
through neonize, which hands on nothing but the text.
"""

import re
from enum import Enum

from flashapi.errors import (
    FlashAPIError,
    Forbidden,
    NotRegistered,
    OutcomeUnknown,
    SessionNotConnected,
    Unavailable,
    WhatsAppError,
)
from workers import refusals


class Left(Enum):
    """Whether the message may have reached WhatsApp."""

    NO = "no"
    NOT_YET = "not_yet"  # the connection was away: the same send may be tried again
    UNKNOWN = "unknown"
    REFUSED = "refused"


_ANSWERED = re.compile(r"info query returned status (4\d\d)")
_PASSING = (408, 429)
_REFUSED = re.compile(r"server returned error (\d+)")
_NO_ACCOUNT = ("no LID found", "failed to get LID for PN")
_NOT_SENT = (
    "websocket not connected",
    "info query timed out",
    "failed to get device list",
    "failed to get user info",
    "failed to get group members",
    "client is nil",
)
_NOT_ALLOWED = (403, 405)  # not a member of the group; only its admins write
_NO_WAY_IN = ("you're not participating in that group", "that group does not exist")
_LOGGED_OUT = ("the store doesn't contain a device JID",)


def judge(text: str) -> tuple[Left, FlashAPIError]:
    """What to make of an error of neonize's `send_message`. A text nobody knows counts as unknown, never as unsent."""
    if refused := _REFUSED.search(text):
        code = int(refused[1])
        kind = Forbidden if code in _NOT_ALLOWED else WhatsAppError
        return Left.REFUSED, kind(f"O WhatsApp recusou a mensagem (código {code})", whatsapp_code=code)
    if any(known in text for known in _NO_WAY_IN):
        return Left.NO, refusals.judge(text)
    if any(known in text for known in _NO_ACCOUNT):
        return Left.NO, NotRegistered(field="to")
    if any(known in text for known in _LOGGED_OUT):
        return Left.NO, SessionNotConnected()
    if (answered := _ANSWERED.search(text)) and int(answered[1]) not in _PASSING:
        return Left.NO, refusals.judge(text)  # to a question before the send
    if any(known in text for known in _NOT_SENT):
        return Left.NOT_YET, Unavailable("A conexão com o WhatsApp caiu antes do envio; tente novamente", retry_after=5)
    return Left.UNKNOWN, OutcomeUnknown()
