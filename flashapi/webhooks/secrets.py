"""The secrets endpoints are signed with: made here, shown once, kept sealed, opened to sign.

A hash won't do, since each signature needs the secret itself. So the table holds it encrypted with a key that isn't in
the database: whoever reads a backup can't sign in our name.
"""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from typing import TypedDict

from cryptography.fernet import Fernet, InvalidToken

from flashapi.models.base import now_ms

PREFIX = "whsec_"
SECRET_BYTES = 24
"""As the Standard Webhooks specification advises: between 24 and 64."""
OVERLAP_MS = 24 * 3_600_000
"""How long a secret still signs beside those that came after it."""
PREVIOUS_AT_MOST = 10


class Replaced(TypedDict):
    """A secret that others have come after: sealed, and the moment, in milliseconds, at which it ceases to sign."""

    secret: str
    until: int


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


def with_replaced(previous: Sequence[Replaced] | None, sealed: str) -> list[Replaced]:
    """The previous secrets once this one is replaced too, the oldest first, without those whose time is over.

    Beyond PREVIOUS_AT_MOST the second oldest go. Who asks again because answers are lost fills the list with secrets
    that nobody has seen, and what the receiver knows is the one from before all that.
    """
    kept = _still_valid(previous) + [Replaced(secret=sealed, until=now_ms() + OVERLAP_MS)]
    return kept if len(kept) <= PREVIOUS_AT_MOST else kept[:1] + kept[1 - PREVIOUS_AT_MOST :]


def valid_secrets(server_key: str, secret: str | None, previous: Sequence[Replaced] | None) -> list[str]:
    """The secrets that sign now, the newest first; none for an endpoint that never had one.

    Raises CannotOpen for the newest. A previous one that was sealed with another key can't sign, but is no reason for
    the one that replaced it not to.
    """
    if not secret:
        return []
    found = [unseal(server_key, secret)]
    for each in reversed(_still_valid(previous)):
        with contextlib.suppress(CannotOpen):
            found.append(unseal(server_key, each["secret"]))
    return found


def _still_valid(previous: Sequence[Replaced] | None) -> list[Replaced]:
    return [each for each in previous or () if each["until"] > now_ms()]


def _box(server_key: str) -> Fernet:
    key = hashlib.sha256(b"flashapi webhook secrets\0" + server_key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
