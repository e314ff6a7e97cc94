"""What a login asks of WhatsApp beside connecting: the code to pair by, and to be shown as online."""

import time

import structlog
from neonize.client import Presence
from neonize.exc import NeonizeError
from neonize.utils.enum import ClientName, ClientType

from flashapi.errors import SessionNotConnected
from workers.clients import Client
from workers.login import Login, Phase

log = structlog.get_logger()

PUSH_NAME_TRIES = 5
PUSH_NAME_PAUSE_SECONDS = 1.0


def ask_code(client: Client, number: str) -> str | None:
    """The pairing code, eight characters without their dash, as the contract shows it; None if WhatsApp gives none.

    Possible from the first QR code of the attempt on (whatsmeow, pair-code.go).
    """
    digits = "".join(character for character in number if character.isdigit())
    try:
        code = client.call("PairPhone", digits, True, ClientName.LINUX, ClientType.CHROME)
    except (NeonizeError, SessionNotConnected) as error:
        log.warning("pairing_code_refused", error=str(error))
        return None
    return str(code).replace("-", "")


def appear_online(login: Login) -> None:
    """Say that we are there, as the original does: WhatsApp tells who types only to those who are.

    whatsmeow refuses until it has learnt the account's name, which comes some moments after the first login.
    """
    for _ in range(PUSH_NAME_TRIES):
        if login.phase is not Phase.CONNECTED or login.client is None:
            return
        try:
            login.client.call("send_presence", Presence.AVAILABLE)
        except (NeonizeError, SessionNotConnected) as error:
            log.debug("not_shown_online", error=str(error))
            time.sleep(PUSH_NAME_PAUSE_SECONDS)
        else:
            return
