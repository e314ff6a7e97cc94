"""The Idempotency-Key of a request that sends: the header and what the body holds, for `services.idempotency`."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from flashapi.errors import InvalidInput
from flashapi.media.spool import Draft
from flashapi.services import idempotency

HEADER = "Idempotency-Key"
LONGEST = 255

View = Callable[..., Any]

PARAMETER = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "maxLength": LONGEST},
    "description": "Repetir a requisição com a mesma chave e o mesmo corpo, por 24 h, devolve a primeira resposta",
}


def idempotent(view: View) -> View:
    """Serve a request that carries a key at most once."""

    @wraps(view)
    def serve(*args: Any, **kwargs: Any) -> Any:
        with idempotency.serving(_as_request()):
            return view(*args, **kwargs)

    return serve


def _as_request() -> idempotency.Request | None:
    key = request.headers.get(HEADER, "").strip()
    if not key:
        return None
    if len(key) > LONGEST:
        raise InvalidInput(f"{HEADER} deve ter no máximo {LONGEST} caracteres")
    return idempotency.Request(f"{request.method} {request.path}"[:100], key, _hash_of_body())


def _hash_of_body() -> str:
    """Of what the body says, however it is written down; files by the hashes they were given while they arrived.

    A query says the same where a route takes either.
    """
    if request.form or request.files:
        said = _canonical([sorted(request.form.items(multi=True)), sorted(_files())])
    else:
        raw = request.get_data()
        try:
            said = _canonical(json.loads(raw))
        except (ValueError, RecursionError):  # a route that takes no body has not looked at it
            said = raw
    if request.args:
        said += _canonical(sorted(request.args.items(multi=True)))
    return hashlib.sha256(said).hexdigest()


def _canonical(said: Any) -> bytes:
    return json.dumps(said, sort_keys=True).encode()


def _files() -> list[tuple[str, str, str]]:
    """Field, name and hash of each; the name may be what the recipient reads."""
    streams: list[tuple[str, str, Any]] = [
        (field, file.filename or "", file.stream) for field, file in request.files.items()
    ]
    return [(field, name, stream.sha256) for field, name, stream in streams if isinstance(stream, Draft)]
