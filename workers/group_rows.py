"""The groups of a session in the table: written whole from WhatsApp's answers, changed by its notifications."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi.events import Person
from flashapi.models.base import now_ms
from flashapi.models.groups import groups
from workers import people
from workers.addressing import Whose
from workers.from_whatsapp import jid_text, person
from workers.upsert import upsert

SUBJECT_LONGEST = 255
FLOAT_ERROR_SECONDS = 64
"""neonize hands the moment of creation on as a 32-bit float, which is off by as much (spacing 128 s since 2004)."""

Names = Mapping[str, Person]
Member = dict[str, str | None]


def save_all(connection: sa.Connection, whose: Whose, session_id: str, infos: Iterable[wire.GroupInfo]) -> list[Any]:
    """Write these groups as WhatsApp describes them, and remember the names of their people; gives their rows."""
    infos = list(infos)
    told = [who for info in infos for who in people_of(info)]
    people.learn(connection, whose, told)
    named = (jid for info in infos for jid in _others_named(info))
    names = people.names(connection, whose, named) | people.told(told)
    return [_save(connection, session_id, columns_of(info, names)) for info in infos]


def people_of(info: wire.GroupInfo) -> list[Person]:
    """Everybody in the group, and its owner, by both names as far as told."""
    members = [_member_person(member) for member in info.Participants]
    return [*members, person(info.OwnerJID, info.OwnerPN)]


def columns_of(info: wire.GroupInfo, names: Names) -> dict[str, Any]:
    """WhatsApp's description of a group as columns of its row."""
    subject_by, described_by = _name(names, info.GroupName.NameSetBy), _name(names, info.GroupTopic.TopicSetBy)
    owner = _name(names, info.OwnerJID)
    subject_at = _moment(info.GroupName.NameSetAt)
    topic = info.GroupTopic
    described = bool(topic.Topic) and not topic.TopicDeleted
    return {
        "jid": jid_text(info.JID),
        "subject": info.GroupName.Name[:SUBJECT_LONGEST],
        "subject_by": subject_by.jid,
        "subject_by_lid": subject_by.lid,
        "subject_at": subject_at,
        "owner": owner.jid,
        "owner_lid": owner.lid,
        "founded_at": _founded(info.GroupCreated, subject_at),
        "description": topic.Topic if described else None,
        "description_by": described_by.jid if described else None,
        "description_by_lid": described_by.lid if described else None,
        "description_at": _moment(topic.TopicSetAt) if described else None,
        "description_id": topic.TopicID or None,
        "locked": info.GroupLocked.isLocked,
        "announce": info.GroupAnnounce.IsAnnounce,
        "ephemeral_seconds": info.GroupEphemeral.DisappearingTimer if info.GroupEphemeral.IsEphemeral else None,
        "parent": jid_text(info.GroupLinkedParent.LinkedParentJID) or None,
        "is_community": info.GroupParent.IsParent,
        "participants": [_member(member, names) for member in info.Participants if not member.Error],
    }


def change(connection: sa.Connection, session_id: str, group: str, **columns: Any) -> None:
    """Change a group's row, if it is known."""
    connection.execute(
        groups.update()
        .where(groups.c.session_id == session_id, groups.c.jid == group)
        .values(updated_at=now_ms(), **columns)
    )


def change_members(
    connection: sa.Connection, session_id: str, group: str, who: Iterable[Person], action: str
) -> None:
    """Let people come to a group or leave it, become its admins or cease to be, if the group is known."""
    found = connection.execute(
        sa.select(groups.c.participants).where(groups.c.session_id == session_id, groups.c.jid == group)
    ).first()
    if found is None:
        return
    members: list[Member] = list(found.participants)
    for each in who:
        known = next((member for member in members if is_same(member, each)), None)
        if action == "add" and known is None:
            members.append({"jid": each.jid, "lid": each.lid, "admin": None})
        elif action == "remove" and known is not None:
            members.remove(known)
        elif known is not None:
            members[members.index(known)] = {**known, "admin": _admin_after(action, known["admin"])}
    change(connection, session_id, group, participants=members)


def remove(connection: sa.Connection, session_id: str, group: str) -> None:
    """The session's account is no longer in the group."""
    connection.execute(groups.delete().where(groups.c.session_id == session_id, groups.c.jid == group))


def remove_others(connection: sa.Connection, session_id: str, kept: Iterable[str]) -> None:
    """Remove every group of the session but these."""
    connection.execute(groups.delete().where(groups.c.session_id == session_id, groups.c.jid.not_in(list(kept))))


def is_same(member: Mapping[str, Any], who: Person) -> bool:
    """Whether the member is this person, by either name."""
    return bool((who.jid and member["jid"] == who.jid) or (who.lid and member["lid"] == who.lid))


def _save(connection: sa.Connection, session_id: str, columns: dict[str, Any]) -> Any:
    moment = now_ms()
    identity = {"session_id": session_id, "jid": columns["jid"]}
    upsert(connection, groups, identity, {**columns, "updated_at": moment}, {"created_at": moment})
    mine = (groups.c.session_id == session_id, groups.c.jid == columns["jid"])
    return connection.execute(sa.select(groups).where(*mine)).mappings().one()


def _others_named(info: wire.GroupInfo) -> Iterable[str]:
    for jid in (info.GroupName.NameSetBy, info.GroupTopic.TopicSetBy, info.OwnerJID):
        if jid.User:
            yield jid_text(jid)


def _member(member: wire.GroupParticipant, names: Names) -> Member:
    who = _member_person(member)
    known = names.get(who.preferred, who)
    admin = "superadmin" if member.IsSuperAdmin else "admin" if member.IsAdmin else None
    return {"jid": known.jid, "lid": known.lid, "admin": admin}


def _member_person(member: wire.GroupParticipant) -> Person:
    both = person(member.LID, member.PhoneNumber)
    return both if both.preferred else person(member.JID, None)


def _name(names: Names, jid: wire.JID) -> Person:
    return names.get(jid_text(jid)) or person(jid, None)


def _admin_after(action: str, before: str | None) -> str | None:
    if action == "promote":
        return before or "admin"
    return None if action == "demote" else before


def _moment(seconds: int) -> int | None:
    """Go's zero time is a large negative number."""
    return seconds if seconds > 0 else None


def _founded(rounded: float, subject_at: int | None) -> int | None:
    """The subject of a group that was never renamed was set when it was made, and that moment comes exactly."""
    if rounded <= 0:
        return None
    is_first = subject_at is not None and abs(subject_at - rounded) <= FLOAT_ERROR_SECONDS
    return subject_at if is_first else int(rounded)
