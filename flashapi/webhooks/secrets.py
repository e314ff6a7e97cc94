"""The secrets endpoints are signed with: made here, shown once, kept sealed, opened to sign.

A hash won't do, since each signature needs the secret itself. So the table holds it encrypted with a key that isn't in
the database: whoever reads a backup can't sign in our name.
"""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken

from flashapi.models.base import now_ms

PREFIX = "whsec_"
SECRET_BYTES = 24
"""As the Standard Webhooks specification advises: between 24 and 64."""
OVERLAP_MS = 24 * 3_600_000
"""How long the previous secret still signs beside a new one."""


class CannotOpen(Exception):
    """A secret was sealed with another WEBHOOK_SECRET_KEY. The message is for the endpoint's owner, in Portuguese."""

    def __init__(self) -> None:
        super().__init__("O segredo deste webhook foi guardado com outra WEBHOOK_SECRET_KEY: gere um novo")


def new_secret() -> str:
    """A random secret as its owner gets it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(server_key: str, secret: str) -> str:
    """The secret as it may be stored."""
    return _box(server_key).encrypt(secret.encode()).decode()


def unseal(server_key: str, sealed: str) -> str:
    """The secret itself. Raises CannotOpen."""
    try:
        return _box(server_key).decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError) as error:
        raise CannotOpen() from error


def valid_secrets(server_key: str, secret: str | None, previous: str | None, previous_until: int | None) -> list[str]:
    """The secrets that sign now, the newest first; none for an endpoint that never had one. Raises CannotOpen."""
    sealed = [secret] if secret else []
    if previous and previous_until is not None and previous_until > now_ms():
        sealed.append(previous)
    return [unseal(server_key, each) for each in sealed]


def _box(server_key: str) -> Fernet:
    key = hashlib.sha256(b"flashapi webhook secrets\0" + server_key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
