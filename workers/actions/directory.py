"""The session's contacts and groups, read whole: when asked to, and after each login."""

from collections.abc import Sequence
from typing import Any

import structlog
from neonize.exc import NeonizeError

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import SessionNotConnected
from flashapi.parts import parts
from workers import contact_rows, group_rows, people
from workers.addressing import Asks, Whose
from workers.from_whatsapp import LID_SERVER, PHONE_SERVER, jid_text

log = structlog.get_logger()

ROWS_AT_ONCE = 100
"""In one transaction: SQLite has one writer, and sends wait for it."""


def synchronise(
    client: Asks, connections: Connections, whose: Whose, *, session: str, with_groups: bool
) -> dict[str, int]:
    """Write what WhatsApp and whatsmeow's store know of the session's contacts, and of its groups; how many of each."""
    groups = _groups(client, connections, whose, session) if with_groups else 0
    return {"contacts": _contacts(client, connections, whose, session), "groups": groups}


def after_login(client: Asks, connections: Connections, whose: Whose, session: str) -> None:
    """The same, on nobody's behalf: a failure is told to the log alone, the next login tries again."""
    try:
        counted = synchronise(client, connections, whose, session=session, with_groups=True)
    except (NeonizeError, SessionNotConnected) as error:
        log.info("not_synchronised", session=session, error=str(error))
    else:
        log.info("synchronised", session=session, **counted)


def _contacts(client: Asks, connections: Connections, whose: Whose, session: str) -> int:
    """whatsmeow has an entry for each name of a person, so one person may come twice."""
    entries = [
        entry
        for entry in client.call("contact.get_all_contacts")
        if entry.JID.User and entry.JID.Server in (PHONE_SERVER, LID_SERVER)
    ]
    found = people.introduce(client, connections, whose, [jid_text(entry.JID) for entry in entries])
    for batch in parts(entries, ROWS_AT_ONCE):
        with connections.transaction() as connection:
            for entry in batch:
                contact_rows.note(connection, session, found[jid_text(entry.JID)], **_facts(entry.Info))
    return len({found[jid_text(entry.JID)].preferred for entry in entries})


def _groups(client: Asks, connections: Connections, whose: Whose, session: str) -> int:
    infos: Sequence[Any] = client.call("get_joined_groups")
    for batch in parts(infos, ROWS_AT_ONCE):
        with connections.transaction() as connection:
            group_rows.save_all(connection, whose, session, batch)
    with connections.transaction() as connection:
        group_rows.remove_others(connection, session, [jid_text(info.JID) for info in infos])
    return len(infos)


def _facts(info: Any) -> dict[str, str | None]:
    return {
        "name": info.FullName or info.FirstName or None,
        "push_name": info.PushName or None,
        "verified_name": info.BusinessName or None,
    }


QUESTIONS: dict[Action, Any] = {Action.SYNCHRONISE: synchronise}
