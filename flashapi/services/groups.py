"""The groups a session's account is in: listed from the table, everything else asked of WhatsApp."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from flashapi.dispatch import Action
from flashapi.errors import FlashAPIError, OutcomeUnknown
from flashapi.group_metadata import as_listed
from flashapi.media.kinds import Kind, true_type
from flashapi.media.sources import Source, collect
from flashapi.media.spool import name_to_send
from flashapi.models.groups import groups
from flashapi.services.backend import Backend
from flashapi.services.questions import ask
from flashapi.services.sessions import Row


def every(backend: Backend, session: Row) -> list[dict[str, Any]]:
    """All groups the account is in, by name."""
    query = sa.select(groups).where(groups.c.session_id == session.id).order_by(groups.c.subject, groups.c.id)
    with backend.connections.reading() as connection:
        return [as_listed(row) for row in connection.execute(query).mappings()]


def info(backend: Backend, session: Row, *, group: str) -> dict[str, Any]:
    """GroupMetadata as WhatsApp has it now."""
    found: dict[str, Any] = ask(backend, session, Action.GROUP_INFO, session=session.id, group=group)
    return found


def create(backend: Backend, session: Row, *, subject: str, participants: Sequence[str]) -> dict[str, Any]:
    """Make a group."""
    made: dict[str, Any] = ask(
        backend, session, Action.CREATE_GROUP, session=session.id, subject=subject, participants=participants
    )
    return made


def change_participants(
    backend: Backend, session: Row, change: str, *, group: str, participants: Sequence[str]
) -> list[dict[str, Any]]:
    """Add, remove, promote or demote people; one result each."""
    results: list[dict[str, Any]] = ask(
        backend,
        session,
        Action.CHANGE_PARTICIPANTS,
        session=session.id,
        group=group,
        participants=participants,
        change=change,
    )
    return results


def leave(backend: Backend, session: Row, *, group: str) -> None:
    """Leave a group."""
    ask(backend, session, Action.LEAVE_GROUP, session=session.id, group=group)


def set_subject(backend: Backend, session: Row, *, group: str, subject: str) -> None:
    """Rename a group."""
    ask(backend, session, Action.SET_GROUP_SUBJECT, session=session.id, group=group, subject=subject)


def set_description(backend: Backend, session: Row, *, group: str, description: str) -> None:
    """Describe a group anew."""
    ask(backend, session, Action.SET_GROUP_DESCRIPTION, session=session.id, group=group, description=description)


def set_picture(backend: Backend, session: Row, *, group: str, image: Source) -> dict[str, Any]:
    """Give a group the picture that `image` is or leads to. Raises InvalidInput for what is no picture.

    It is decoded by the worker: here that would hold up every other request.
    """
    with collect(image, backend.spool, backend.fetcher, Kind.IMAGE.value) as draft:
        true_type(Kind.IMAGE, draft.head, None, (None, None))
        name = draft.keep(name_to_send(session.id))
    try:
        made: dict[str, Any] = ask(backend, session, Action.SET_GROUP_PICTURE, group=group, spool=name)
    except OutcomeUnknown:  # the worker may be reading it, and removes it then
        raise
    except FlashAPIError:
        backend.spool.remove(name)
        raise
    return made


def set_settings(
    backend: Backend, session: Row, *, group: str, announce: bool | None, locked: bool | None
) -> dict[str, Any]:
    """Who may write in a group, and who may change it; None leaves as is."""
    now: dict[str, Any] = ask(
        backend,
        session,
        Action.SET_GROUP_SETTINGS,
        session=session.id,
        group=group,
        announce=announce,
        locked=locked,
    )
    return now


def invite_link(backend: Backend, session: Row, *, group: str, revoke: bool) -> dict[str, str]:
    """The group's link; with `revoke` a new one."""
    link: str = ask(backend, session, Action.INVITE_LINK, group=group, revoke=revoke)
    return {"groupJid": group, "code": link.rsplit("/", 1)[-1], "link": link}


def look_at_link(backend: Backend, session: Row, *, code: str) -> dict[str, Any]:
    """The group a link leads to, without joining it."""
    found: dict[str, Any] = ask(backend, session, Action.LOOK_AT_LINK, code=code)
    return found


def join(backend: Backend, session: Row, *, code: str) -> dict[str, Any]:
    """Join a group by its link."""
    joined: dict[str, Any] = ask(backend, session, Action.JOIN_GROUP, session=session.id, code=code)
    return joined


def join_requests(backend: Backend, session: Row, *, group: str) -> list[dict[str, Any]]:
    """Who waits to be let into a group."""
    waiting: list[dict[str, Any]] = ask(backend, session, Action.JOIN_REQUESTS, group=group)
    return waiting
