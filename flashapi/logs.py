"""Structured logs of every process: one JSON object a line, on standard error.

Lines of the standard library's loggers (libraries, the Go client) go through the same renderer. Keys and message
texts are never logged; what identifies a request is bound as `request_id` with structlog's contextvars.
"""

import logging
import os
import sys
import threading
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from flashapi.settings import LOG_LEVELS, Settings

WARNINGS_ONLY = ("rq", "urllib3", "alembic", "websockets", "neonize", "whatsmeow", "Whatsmeow")
"""Loggers that tell of every job, connection or frame, some of them with their content."""


def configure(settings: Settings, process: str) -> None:
    """Send all logs of this process through one JSON renderer, marked with the process's name and pid.

    May be called again, after a fork for instance. neonize calls `logging.basicConfig` when it is imported, which does
    nothing where the root logger has a handler: call this first.
    """
    level = LOG_LEVELS[settings.log_level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # What differs from process to process is added by the handler, since loggers keep their processors for good.
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _in_order(process),
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in WARNINGS_ONLY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_of_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger("uncaught").critical("uncaught_exception", exc_info=(kind, error, trace))


def _log_uncaught_of_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        _log_uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def _in_order(process: str) -> Processor:
    """When, how bad, who and what first, the event's own fields after them."""

    def arrange(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        head: dict[str, Any] = {"time": event.pop("timestamp"), "level": event.pop("level"), "process": process}
        return {**head, "pid": os.getpid(), "event": event.pop("event"), **event}

    return arrange
