"""To WhatsApp: what an outbox row or a job may ask, by the name of its action. One file per noun."""

from collections.abc import Callable
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

from flashapi.dispatch import Action
from workers.actions import chats, contacts, directory, groups, kinds, media, messages, pictures

BUILDERS: dict[str, Callable[..., Message]] = {**messages.BUILDERS, **kinds.BUILDERS, **media.BUILDERS}
"""By the outbox row's `action`: called as builder(workshop, **payload); makes what is sent. What the payload mentions
and quotes is added to any kind afterwards (`context`)."""

QUESTIONS: dict[Action, Callable[..., Any]] = {
    **chats.QUESTIONS,
    **contacts.QUESTIONS,
    **directory.QUESTIONS,
    **groups.QUESTIONS,
    **pictures.QUESTIONS,
}
"""Called as function(client, connections, whose, **keywords); the answer is a JSON value."""

WITH_FILES: dict[Action, Callable[..., Any]] = {**media.WITH_FILES, **pictures.WITH_FILES}
"""Called as function(workshop, **keywords), on a lane of their own: files are few at a time."""
