"""How long a file may be on its way, by its size in bytes."""

SENDING_SECONDS, FETCHING_SECONDS = 15.0, 30.0
SLOWEST_BYTES_PER_SECOND = 250_000
"""Two megabits per second: a slow line upwards."""


def to_send(size: int) -> float:
    """The seconds an upload may take."""
    return SENDING_SECONDS + size / SLOWEST_BYTES_PER_SECOND


def to_fetch(size: int) -> float:
    """The seconds a download may take."""
    return FETCHING_SECONDS + size / SLOWEST_BYTES_PER_SECOND
