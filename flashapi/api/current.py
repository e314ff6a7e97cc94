"""The backend of the application that serves the current request."""

from flask import current_app

from flashapi.services.backend import Backend

EXTENSION = "flashapi"


def backend() -> Backend:
    """The services' common ground, as `create_app` made it."""
    made: Backend = current_app.extensions[EXTENSION]
    return made
