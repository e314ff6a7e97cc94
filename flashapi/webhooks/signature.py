"""Standard Webhooks' signature: HMAC-SHA256 over id, time and body, so that a receiver knows who calls and when."""

import base64
import hmac
from collections.abc import Sequence

from flashapi.webhooks.secrets import PREFIX


def signed_headers(message_id: str, seconds: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers `webhook-id`, `webhook-timestamp` and, with any secret, `webhook-signature`.

    One signature per secret, separated by spaces: while a secret is being replaced, either is enough.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(seconds)}
    if secrets:
        headers["webhook-signature"] = " ".join(_signature(message_id, seconds, body, secret) for secret in secrets)
    return headers


def _signature(message_id: str, seconds: int, body: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{message_id}.{seconds}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()
