"""Questions about people."""

from collections.abc import Sequence
from typing import Any

from flashapi.connections import Connections
from workers.addressing import Asks, check


def check_numbers(client: Asks, connections: Connections, mode: str, *, numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Which of the numbers have an account, and its real JID."""
    return [
        {"number": account.number, "exists": account.exists, "jid": account.jid}
        for account in check(client, connections, mode, list(numbers))
    ]
