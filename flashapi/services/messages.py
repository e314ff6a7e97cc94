"""Messages as the API sends them, those without files."""

from typing import Any

import sqlalchemy as sa

from flashapi.errors import InvalidInput, NotFound
from flashapi.group_metadata import is_admin
from flashapi.link_preview import preview_of
from flashapi.models.groups import groups
from flashapi.services import history, outbox, sends
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row

NOT_OURS = "messageId: só mensagens enviadas por esta sessão podem ser editadas"
NOT_SENT_BY_US = "Só quem enviou a mensagem pode apagá-la para todos"
NOT_ADMIN = "Só administradores do grupo podem apagar para todos as mensagens de outras pessoas"
TEXTS = ("conversation", "extendedTextMessage", "imageMessage", "videoMessage", "documentMessage")
"""Kinds whose text or caption can be edited."""


@sends.once
def send_text(backend: Backend, session: Row, *, text: str, link_preview: bool, **sending: Any) -> dict[str, Any]:
    """Send a text now, or accept it into the queue."""
    outbox.require_ready(backend, session, queued=sending["use_queue"])
    preview = preview_of(text, backend.fetcher) if link_preview else None
    return sends.submit(backend, session, "send_text", {"text": text, "preview": preview}, **sending)


@sends.once
def send_location(
    backend: Backend, session: Row, *, latitude: float, longitude: float, name: str, address: str, **sending: Any
) -> dict[str, Any]:
    """Send a place."""
    content = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
    return sends.submit(backend, session, "send_location", content, **sending)


@sends.once
def send_poll(
    backend: Backend, session: Row, *, name: str, options: list[str], selectable_count: int, **sending: Any
) -> dict[str, Any]:
    """Send a poll."""
    content = {"name": name, "options": options, "selectable_count": selectable_count}
    return sends.submit(backend, session, "send_poll", content, **sending)


@sends.once
def send_contact(
    backend: Backend,
    session: Row,
    *,
    contact: dict[str, str] | None = None,
    contacts: list[dict[str, str]] | None = None,
    **sending: Any,
) -> dict[str, Any]:
    """Send one or more people's cards."""
    cards = [*([contact] if contact else []), *(contacts or [])]
    return sends.submit(backend, session, "send_contact", {"cards": cards}, **sending)


@sends.once
def send_reaction(
    backend: Backend, session: Row, *, to: str, message_id: str, emoji: str, **sending: Any
) -> dict[str, Any]:
    """React to a message; an empty emoji takes the reaction back. One we don't know can only be the other's."""
    found = history.find(backend, session, message_id)
    if found is None and to.endswith(outbox.GROUP):
        raise InvalidInput(f"messageId: mensagem {message_id} não encontrada")
    key = history.key_of(found) if found is not None else {"chat": None, "from_me": False, "id": message_id}
    destination = found.chat if found is not None else to
    return sends.submit(backend, session, "send_reaction", {"key": key, "emoji": emoji}, to=destination, **sending)


@sends.once
def edit(backend: Backend, session: Row, *, message_id: str, text: str, **sending: Any) -> dict[str, Any]:
    """Give a message of ours a new text, or a new caption."""
    found = _existing(backend, session, message_id)
    if not found.from_me or found.type not in TEXTS or found.revoked_at:
        raise InvalidInput(NOT_OURS)
    content = {"message_id": message_id, "text": text}
    return sends.submit(backend, session, "send_edit", content, to=found.chat, **sending)


class NotRevocable(Exception):
    """No phone would delete the message at this session's word; the text says why, for the user."""


@sends.once
def revoke(backend: Backend, session: Row, message_id: str, **sending: Any) -> dict[str, Any] | None:
    """Delete a message for everybody; None if there is no such message. Raises NotRevocable."""
    found = history.find(backend, session, message_id)
    if found is None:
        return None
    if not found.from_me and not found.is_group:
        raise NotRevocable(NOT_SENT_BY_US)
    if not found.from_me and not _is_admin(backend, session, found.chat):
        raise NotRevocable(NOT_ADMIN)
    key = history.key_of(found)
    return sends.submit(backend, session, "send_revoke", {"key": key}, to=found.chat, **sending)


@sends.once
def forward(backend: Backend, session: Row, *, message_id: str, **sending: Any) -> dict[str, Any]:
    """Send a message on, marked as forwarded."""
    _existing(backend, session, message_id)
    return sends.submit(backend, session, "forward", {"message_id": message_id}, **sending)


def _is_admin(backend: Backend, session: Row, group: str) -> bool:
    """Whether the session's account is an admin of the group, as far as is stored."""
    with backend.connections.reading() as connection:
        stored = (
            connection.execute(
                sa.select(groups.c.participants).where(groups.c.session_id == session.id, groups.c.jid == group)
            )
            .mappings()
            .first()
        )
    return stored is not None and is_admin(stored, jid=f"{session.phone}@s.whatsapp.net", lid=session.lid)


def _existing(backend: Backend, session: Row, message_id: str) -> Row:
    found = history.find(backend, session, message_id)
    if found is None:
        raise NotFound("Mensagem não encontrada")
    return found
