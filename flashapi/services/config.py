"""A session's options: its webhook, what it does by itself, how it connects; and the figures of what it holds."""

from typing import Any

import sqlalchemy as sa

from flashapi import proxies
from flashapi.errors import SessionNotFound
from flashapi.models.base import now_ms
from flashapi.models.chats import chats
from flashapi.models.contacts import contacts
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.sessions import Wanted
from flashapi.models.sessions import sessions as table
from flashapi.services import sessions, webhooks
from flashapi.services.backend import Backend
from flashapi.services.sessions import Row
from flashapi.services.states import look_at
from flashapi.timestamps import iso

ALWAYS_WRITTEN = ("ignore_groups", "auto_read", "reject_calls", "reject_calls_text")
"""The contract's own set is overwritten as a whole; options the original lacks change only when given."""
NEED_RECONNECT = ("proxy", "device_name", "browser")


def show(backend: Backend, session: Row) -> dict[str, Any]:
    """The session's options as they are."""
    return {"sessionId": session.id, "config": _current(backend, session.id)}


def update(backend: Backend, session: Row, **options: Any) -> dict[str, Any]:
    """Change what the session does by itself. A new proxy, device name or browser counts from its next connection.

    Raises InvalidInput for a proxy that may not be used.
    """
    if options.get("proxy"):
        sessions.check_proxy(backend, options["proxy"])
    columns = {name: value for name, value in options.items() if name in ALWAYS_WRITTEN or value is not None}
    for name in (*NEED_RECONNECT, "auto_reply_text"):
        if columns.get(name) == "":
            columns[name] = None
    with backend.connections.transaction(durable=True) as connection:
        changed = connection.execute(
            table.update()
            .where(table.c.id == session.id, table.c.wanted != Wanted.DELETED)
            .values(updated_at=now_ms(), **columns)
        ).rowcount
    if not changed:
        raise SessionNotFound()
    sessions.nudge(backend, session.mode, session.shard, session.id)
    return {"sessionId": session.id, "currentConfig": _current(backend, session.id)}


def set_webhook(
    backend: Backend, session: Row, *, url: str | None, enabled: bool, events: list[str] | None
) -> dict[str, Any]:
    """Change where the session's events go."""
    if url:
        webhooks.check(backend, url)
    with backend.connections.transaction(durable=True) as connection:
        webhooks.save(connection, session.id, url, events, enabled)
    current = _current(backend, session.id)
    # Here the contract has a number.
    return {"sessionId": session.id, "currentConfig": {**current, "webhook_status": int(current["webhook_status"])}}


def stats(backend: Backend, session: Row) -> dict[str, Any]:
    """How much the session holds."""
    with backend.connections.reading() as connection:

        def count(counted: sa.Table, *which: sa.ColumnElement[bool]) -> int:
            query = sa.select(sa.func.count()).select_from(counted).where(counted.c.session_id == session.id, *which)
            return connection.execute(query).scalar_one()

        sent = count(messages, messages.c.from_me.is_(True))
        total = count(messages)
        all_chats, group_chats = count(chats), count(chats, chats.c.is_group.is_(True))
        figures = {
            "mensagens": {"total_mensagens": total, "mensagens_enviadas": sent, "mensagens_recebidas": total - sent},
            "contatos": {"total_contatos": count(contacts)},
            "chats": {
                "total_chats": all_chats,
                "chats_grupo": group_chats,
                "chats_privados": all_chats - group_chats,
            },
            "grupos": {"total_grupos": count(groups)},
        }
    info = {
        "status": look_at(backend, session).state.value,
        "phoneNumber": session.phone or session.number,
        "createdAt": iso(session.created_at),
        "updatedAt": iso(session.updated_at),
    }
    return {"sessionId": session.id, "stats": figures, "sessionInfo": info}


def _current(backend: Backend, session_id: str) -> dict[str, Any]:
    with backend.connections.reading() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == session_id)).first()
        endpoint = webhooks.of(connection, session_id)
    if row is None:
        raise SessionNotFound()
    return {
        "webhook_url": endpoint.url if endpoint else None,
        "webhook_status": bool(endpoint and endpoint.enabled),
        "events": endpoint.events if endpoint else None,
        "ignorar_grupos": bool(row.ignore_groups),
        "leitura_automatica": bool(row.auto_read),
        "rejeitar_ligacoes": bool(row.reject_calls),
        "msg_rejectCalls": row.reject_calls_text or "",
        "resposta_automatica": bool(row.auto_reply),
        "mensagem_automatica": row.auto_reply_text or "",
        "mediaBase64": bool(row.media_base64),
        "proxy": proxies.redacted(row.proxy),
        "deviceName": row.device_name or backend.settings.phone_client,
        "browser": row.browser or backend.settings.phone_name,
    }
