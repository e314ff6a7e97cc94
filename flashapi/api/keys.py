"""Where a request carries its key, and how one is told from another without keeping it."""

import hashlib

from flask import request

BEARER = "bearer "
MISPLACED_AT_MOST_BYTES = 2_048


def apikey() -> str:
    """The key in `apikey`, the only place for a session's key."""
    return request.headers.get("apikey", "").strip() or _misplaced_apikey()


def _misplaced_apikey() -> str:
    """The key in a body `{"headers": {"apikey": ...}}`.

    That is what axios sends when its options are given in the place of the data, as the seed README's restart example
    does; programs written from it are out there.
    """
    if not request.is_json or (request.content_length or 0) > MISPLACED_AT_MOST_BYTES:
        return ""
    body = request.get_json(silent=True)
    headers = body.get("headers") if isinstance(body, dict) else None
    key = headers.get("apikey") if isinstance(headers, dict) else None
    return key.strip() if isinstance(key, str) else ""


def any_key() -> str:
    """The key of the request, wherever it is; the first header that isn't empty wins."""
    authorization = request.headers.get("Authorization", "").strip()
    if authorization[: len(BEARER)].lower() == BEARER:
        authorization = authorization[len(BEARER) :].strip()
    return apikey() or authorization or request.headers.get("x-api-key", "").strip()


def digest(key: str) -> str:
    """SHA-256 of the key as it came, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
