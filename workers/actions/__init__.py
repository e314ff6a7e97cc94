"""To WhatsApp: what a job may ask, by the name of its action. Each is a keyword-only function taking the client."""

from collections.abc import Callable
from typing import Any

from flashapi.dispatch import Action
from workers.actions import contacts

QUESTIONS: dict[Action, Callable[..., Any]] = {Action.CHECK_NUMBERS: contacts.check_numbers}
"""Called as function(client, connections, mode, **keywords); the answer is a JSON value."""
