"""How the web tier is served: gevent workers that end with their arbiter and log as everything else does."""

from typing import Any

from gunicorn import glogging

from flashapi import lifeline, logs
from flashapi import settings as reading

_settings = reading.load()

wsgi_app = "wsgi:app"
bind = [_settings.bind]
workers = _settings.web_workers
worker_class = "gevent"
worker_connections = 10_000
backlog = 2_048
timeout = 60
graceful_timeout = 3  # `make run` has ten seconds to stop everything
keepalive = 75
control_socket_disable = True  # signals and the supervisor do what it would


class logger_class(glogging.Logger):  # type: ignore[misc]  # noqa: N801  gunicorn has no types; its name
    """gunicorn's own lines go where all others go."""

    def setup(self, cfg: Any) -> None:
        """Leave handlers and levels to flashapi.logs."""
        logs.configure(_settings, "web")
        self.error_log.propagate = True
        self.access_log.disabled = True  # requests are logged by the application


def post_fork(server: Any, worker: Any) -> None:
    """The arbiter's death is its workers' death too."""
    lifeline.die_with(server.pid)
