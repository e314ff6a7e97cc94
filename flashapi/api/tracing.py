"""One id per request, bound to every log line, handed to jobs and rows, and given back in `X-Request-Id`."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger()

HEADER = "X-Request-Id"
ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
QUIET_BLUEPRINTS = frozenset({"health", "docs", "api-docs"})


def init_app(app: Flask) -> None:
    """Trace every request."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    g.began = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    if "request_id" in g:
        response.headers[HEADER] = g.request_id
        if request.blueprint not in QUIET_BLUEPRINTS:
            # The rule and not the path: a path may hold a key.
            rule = request.url_rule.rule if request.url_rule else None
            took = round((time.monotonic() - g.began) * 1000, 1)
            log.info("request", method=request.method, route=rule, status=response.status_code, ms=took)
    return response
