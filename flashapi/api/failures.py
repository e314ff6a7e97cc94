"""Every failure becomes the contract's JSON here, and nowhere else."""

import structlog
from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from flashapi.errors import FlashAPIError, TooLarge, Unavailable

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5
TEXTS = {
    400: "Requisição inválida",
    404: "Rota não encontrada",
    405: "Método não permitido para esta rota",
    413: TooLarge.default,
}


def init_app(app: Flask) -> None:
    """Answer for every exception that leaves a view."""
    app.register_error_handler(FlashAPIError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _expected(error: FlashAPIError) -> Response:
    beside = dict(error.details)
    retry_after = beside.pop("retry_after", RETRY_AFTER_SECONDS if isinstance(error, Unavailable) else None)
    response = _failure(error.status, error.message, **beside)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if error.status >= 500:
        log.warning("request_failed", status=error.status, code=error.code)
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 or error.response is not None:  # a redirect, or an answer somebody made already
        answer = error.get_response()
        assert isinstance(answer, Response)
        return answer
    if isinstance(error, RequestEntityTooLarge):
        return _failure(413, TooLarge.default)
    response = _failure(status, TEXTS.get(status, "Requisição recusada"))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unexpected(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error)
    return _failure(500, FlashAPIError.default)


def _failure(status: int, message: str, **beside: object) -> Response:
    response = jsonify({"success": False, "message": message, **beside})
    response.status_code = status
    return response
