"""Loaded by schemathesis: lets valid data do real things, on a message, a group and a phone that exist.

`FLASHAPI_REAL` is a JSON object of field names and values, `FLASHAPI_REDIS` the socket of the installation's Redis;
`test_openapi.py` sets both.
"""

import json
import os
from typing import Any

import redis
import schemathesis

REAL: dict[str, Any] = json.loads(os.environ["FLASHAPI_REAL"])
WRONG_KEYS = "flashapi:limit*wrong/*"
LONGEST_DELAY_MS = 50
counters = redis.Redis(unix_socket_path=os.environ["FLASHAPI_REDIS"])


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Forget the wrong keys that the checks have tried, which would turn each 401 into 429; make valid data real."""
    for counter in counters.scan_iter(WRONG_KEYS):
        counters.delete(counter)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for where in ("path_parameters", "query", "body"):
        fields = getattr(case, where)
        if isinstance(fields, dict):
            fields.update({name: REAL[name] for name in fields if name in REAL})
            if isinstance(fields.get("delay"), int):
                fields["delay"] = min(fields["delay"], LONGEST_DELAY_MS)  # nobody waits for a minute's typing
