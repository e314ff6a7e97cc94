"""The people a session knows: listed from the table, everything else asked of WhatsApp."""

import base64
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi.dispatch import Action
from flashapi.errors import OutcomeUnknown
from flashapi.models.contacts import contacts
from flashapi.services.backend import Backend
from flashapi.services.questions import ask
from flashapi.services.sessions import Row
from flashapi.timestamps import iso

INVALID = "deve ser um número de telefone com DDI ou um JID do WhatsApp"
NO_PHONE_KNOWN = "O WhatsApp ainda não informou o número deste LID"


def every(backend: Backend, session: Row) -> list[dict[str, Any]]:
    """All contacts of the session, by name."""
    shown = sa.func.coalesce(contacts.c.name, contacts.c.push_name, contacts.c.verified_name, contacts.c.jid)
    with backend.connections.reading() as connection:
        rows = connection.execute(
            sa.select(contacts).where(contacts.c.session_id == session.id).order_by(shown, contacts.c.id)
        ).all()
    return [
        {
            "id": row.id,
            "sessao_id": row.session_id,
            "jid": row.jid,
            "lid": row.lid,
            "nome": row.name,
            "apelido": row.push_name,
            "nome_verificado": row.verified_name,
            "url_imagem": row.picture_url,
            "status_contato": row.about,
            "created_at": iso(row.created_at),
            "updated_at": iso(row.updated_at),
        }
        for row in rows
    ]


def synchronise(backend: Backend, session: Row, *, with_groups: bool) -> dict[str, Any]:
    """Bring the tables up to date; what takes longer than a caller waits goes on by itself."""
    begun = {"sessionId": session.id, "status": "syncing_all" if with_groups else "syncing"}
    try:
        counted = ask(backend, session, Action.SYNCHRONISE, session=session.id, with_groups=with_groups)
    except OutcomeUnknown:
        return begun
    return {**begun, **counted} if with_groups else {**begun, "contacts": counted["contacts"]}


def check(
    backend: Backend, session: Row, *, numbers: Sequence[tuple[str, str | None]]
) -> list[dict[str, Any]]:
    """For each number or JID, in whatever spelling, the account that exists; each beside the text it was given as."""
    asked = list(dict.fromkeys(name for _, name in numbers if name is not None))
    answers = ask(backend, session, Action.CHECK_NUMBERS, numbers=asked)
    found = dict(zip(asked, answers, strict=True))
    return [{"number": given, **_checked(name, found)} for given, name in numbers]


def names(backend: Backend, session: Row, *, jid: str) -> dict[str, Any]:
    """Both names of somebody: phone JID and LID."""
    found: dict[str, Any] = ask(backend, session, Action.CONTACT_NAMES, person=jid)
    return found


def profile(backend: Backend, session: Row, *, jid: str) -> dict[str, Any]:
    """What somebody shows of themselves."""
    found: dict[str, Any] = ask(backend, session, Action.CONTACT_PROFILE, session=session.id, person=jid)
    return found


def block(backend: Backend, session: Row, *, jid: str, blocked: bool) -> dict[str, Any]:
    """Block somebody, or no longer."""
    who = ask(backend, session, Action.BLOCK_CONTACT, person=jid, blocked=blocked)
    return {"jid": who["jid"] or who["lid"], "lid": who["lid"], "action": "blocked" if blocked else "unblocked"}


def blocklist(backend: Backend, session: Row) -> list[dict[str, Any]]:
    """Everybody who is blocked."""
    found: list[dict[str, Any]] = ask(backend, session, Action.BLOCKLIST)
    return found


def picture(backend: Backend, session: Row, *, of: str, preview: bool) -> dict[str, Any]:
    """Where somebody's or a group's picture is."""
    found: dict[str, Any] = ask(backend, session, Action.PICTURE, of=of, preview=preview, with_content=False)
    return found


def picture_bytes(backend: Backend, session: Row, *, of: str, preview: bool) -> bytes:
    """The picture itself, a JPEG."""
    found = ask(backend, session, Action.PICTURE, of=of, preview=preview, with_content=True)
    return base64.b64decode(found["content"])


def _checked(name: str | None, found: dict[str, Any]) -> dict[str, Any]:
    nobody = {"exists": False, "jid": None, "lid": None}
    if name is None:
        return {**nobody, "error": INVALID}
    who = found[name]
    if name.endswith("@lid") and who is not None and who["jid"] is None:
        return {**nobody, "lid": name, "error": NO_PHONE_KNOWN}
    return {"exists": True, "jid": who["jid"] or who["lid"], "lid": who["lid"]} if who is not None else nobody
