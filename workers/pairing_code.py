"""Pairing by code instead of QR: asks WhatsApp for the code to be typed into the phone."""

import structlog
from neonize.utils.enum import ClientName, ClientType

from workers.clients import Client

log = structlog.get_logger()


def ask_code(client: Client, number: str) -> str | None:
    """The eight characters without their dash, as the contract shows them; None if WhatsApp gives none.

    Possible from the first QR code of the attempt on (whatsmeow, pair-code.go).
    """
    digits = "".join(character for character in number if character.isdigit())
    try:
        code = client.call("PairPhone", digits, True, ClientName.LINUX, ClientType.CHROME)
    except Exception as error:  # neonize's PairPhoneError carries only a text
        log.warning("pairing_code_refused", error=str(error))
        return None
    return str(code).replace("-", "")
