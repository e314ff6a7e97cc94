"""Who is calling: the holder of the global key, or of one session's key.

The global key comes in `apikey`, `Authorization` (with or without `Bearer`) or `x-api-key`; a session's key in
`apikey` alone. On a session's routes the global key stands for that of the session named in `x-session`.
"""

import hmac
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any

import sqlalchemy as sa
from flask import current_app, g, request

from flashapi.api.current import backend
from flashapi.api.keys import any_key, apikey, digest
from flashapi.api.limits import Limiter
from flashapi.errors import Unauthorized
from flashapi.services import sessions

View = Callable[..., Any]
KEY_OF_ROUTE = "flashapi_key"
"""Where a view's documentation says which key it takes."""


def global_key(view: View) -> View:
    """Let only the global key in."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        given = any_key()
        if not given:
            raise Unauthorized("apikey é obrigatória. Use o header apikey")
        if not is_global(given):
            _limiter().refuse_key(Unauthorized("API Key inválida"))
        _limiter().know(given)
        return view(*args, **kwargs)

    return _documented(guarded, "global")


def session_key(view: View) -> View:
    """Let only a session's key in, or the global key with `x-session`; see `current_session`."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.session = _session_of_request()
        return view(*args, **kwargs)

    return _documented(guarded, "session")


def either_key(view: View) -> View:
    """Let a session's key in, or the global key: for one session with `x-session`, else for all of them."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not request.headers.get("x-session", "").strip() and is_global(any_key()):
            _limiter().know(any_key())
            g.session = None
        else:
            g.session = _session_of_request()
        return view(*args, **kwargs)

    return _documented(guarded, "either")


def current_session_if_any() -> sa.Row[Any] | None:
    """The row of the session the request is about, None where it is about all."""
    row: sa.Row[Any] | None = g.session
    return row


def current_session() -> sa.Row[Any]:
    """The row of the session whose key the request carries."""
    row: sa.Row[Any] = g.session
    return row


def is_global(key: str) -> bool:
    """Whether this is the global key, in constant time whatever its length."""
    expected = backend().settings.global_api_key
    return bool(expected) and hmac.compare_digest(digest(key), digest(expected))


def _session_of_request() -> sa.Row[Any]:
    named = request.headers.get("x-session", "").strip()
    if named and is_global(any_key()):
        _limiter().know(any_key())
        return sessions.get(backend(), _as_utf8(named))
    key = apikey()
    if not key:
        raise Unauthorized("API Key é obrigatória")
    row = sessions.with_key(backend(), key)
    if row is None:
        _limiter().refuse_key(Unauthorized("API Key inválida ou inativa"))
    _limiter().know(key)
    return row


def _as_utf8(header: str) -> str:
    """WSGI reads headers as Latin-1; clients write names in UTF-8."""
    return header.encode("latin-1", "replace").decode("utf-8", "replace")


def _limiter() -> Limiter:
    limiter: Limiter = current_app.extensions[Limiter.EXTENSION]
    return limiter


def _documented(view: View, kind: str) -> View:
    described: Any = view
    described._apidoc = {**deepcopy(getattr(view, "_apidoc", {})), KEY_OF_ROUTE: kind}
    return view
