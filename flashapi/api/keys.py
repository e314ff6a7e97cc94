"""Where a request carries its key, and how one is told from another without keeping it."""

import hashlib

from flask import request

BEARER = "bearer "


def apikey() -> str:
    """The key in `apikey`, the only place for a session's key."""
    return request.headers.get("apikey", "").strip()


def any_key() -> str:
    """The key of the request, wherever it is; the first header that isn't empty wins."""
    authorization = request.headers.get("Authorization", "").strip()
    if authorization[: len(BEARER)].lower() == BEARER:
        authorization = authorization[len(BEARER) :].strip()
    return apikey() or authorization or request.headers.get("x-api-key", "").strip()


def digest(key: str) -> str:
    """SHA-256 of the key as it came, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
