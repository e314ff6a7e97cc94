"""The control of the simulated WhatsApp network: one JSON line each way over its unix socket."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flashapi.errors import Conflict, FlashAPIError, Forbidden, InvalidInput, NotFound, OutcomeUnknown, Unavailable
from flashapi.services.backend import Backend

SECONDS = 30.0
"""A scan waits until the client has confirmed the pairing."""
SUN_PATH_LONGEST = 100
ERRORS: dict[int, type[FlashAPIError]] = {
    400: InvalidInput,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    504: OutcomeUnknown,
}


class SandboxUnavailable(Unavailable):
    """The simulated network doesn't run, or doesn't answer."""

    code, default = "sandbox_unavailable", "A rede simulada (sandbox) não está disponível no momento"


def ask(backend: Backend, op: str, **parameters: Any) -> dict[str, Any]:
    """Let the network do something; raises what it answers as FlashAPIError."""
    line = json.dumps({"op": op, **parameters}, ensure_ascii=False).encode() + b"\n"
    try:
        with _connected(backend.settings.sandbox_dir / "control.sock") as control:
            control.sendall(line)
            with control.makefile("rb") as answers:
                answer = answers.readline()
        reply = json.loads(answer)
    except TimeoutError:
        raise OutcomeUnknown() from None
    except (OSError, ValueError) as error:
        raise SandboxUnavailable() from error
    if not reply["ok"]:
        raise ERRORS.get(reply["status"], FlashAPIError)(reply["message"])
    data: dict[str, Any] = reply["data"]
    return data


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.settimeout(SECONDS)
        if len(os.fsencode(path)) <= SUN_PATH_LONGEST:
            control.connect(str(path))
        else:  # longer than a socket's address may be: reach it through its folder's descriptor
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                control.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        yield control
