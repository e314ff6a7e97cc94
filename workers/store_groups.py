"""What WhatsApp notifies of groups and pictures → rows and events, inside the caller's transaction.

Each event's id is made from the notification, so that one replayed from the journal is found to be told already.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import DecodeError
from neonize.proto import Neonize_pb2 as wire

from flashapi import bus
from flashapi.connections import Connections
from flashapi.events import ContactsUpdate, Event, GroupParticipantsUpdate, GroupsUpdate, Person
from flashapi.group_metadata import as_metadata
from flashapi.models.sessions import sessions
from workers import contact_rows, group_rows, people
from workers.clients import CODES
from workers.from_whatsapp import LID_SERVER, jid_text, person
from workers.journal import Entry

GROUP_SERVER = "g.us"
CODES_OF_GROUPS = frozenset(CODES[kind] for kind in (wire.JoinedGroup, wire.GroupInfoEvent, wire.Picture))
_NAMING = CODES_OF_GROUPS | {CODES[wire.HistorySync]}
"""Kinds that name people by the LID alone."""
INVITE_PREFIX = "https://chat.whatsapp.com/"
_ACTIONS = (("Join", "add"), ("Leave", "remove"), ("Promote", "promote"), ("Demote", "demote"))


def introduce_people(connections: Connections, entries: list[Entry]) -> None:
    """Ask the clients for the other names of those whom these entries name; a replayed entry has no client to ask."""
    for entry in entries:
        if entry.client is None or entry.code not in _NAMING:
            continue
        try:
            named = list(_people_named(entry))
        except DecodeError:
            continue  # told when it is stored
        with connections.reading() as connection:
            whose = connection.execute(
                sa.select(sessions.c.id, sessions.c.mode).where(sessions.c.id == entry.session_id)
            ).first()
        if whose is not None:
            people.introduce(entry.client, connections, whose, named)


def store(connection: sa.Connection, session: Any, entry: Entry) -> list[bus.Recorded]:
    """Store a notification; gives what is to be announced. Raises protobuf's DecodeError."""
    digest = hashlib.sha256(b"%s %d %s" % (entry.session_id.encode(), entry.code, entry.raw)).hexdigest()[:32]
    if bus.is_recorded(connection, _event_id(digest, 0)):
        return []
    if entry.code == CODES[wire.JoinedGroup]:
        told = list(_joined(connection, session, wire.JoinedGroup.FromString(entry.raw)))
    elif entry.code == CODES[wire.GroupInfoEvent]:
        told = list(_changed(connection, session, wire.GroupInfoEvent.FromString(entry.raw)))
    else:
        told = list(_picture(connection, session, wire.Picture.FromString(entry.raw)))
    return [
        bus.record(connection, session.id, session.name, event, id=_event_id(digest, number))
        for number, event in enumerate(told)
    ]


def _joined(connection: sa.Connection, session: Any, joined: wire.JoinedGroup) -> Iterator[Event]:
    [row] = group_rows.save_all(connection, session, session.id, [joined.GroupInfo])
    author = person(joined.Sender, joined.SenderPN)
    known = people.names(connection, session, [author.preferred]).get(author.preferred)
    yield GroupsUpdate(group=row["jid"], author=known, changes=as_metadata(row))


def _changed(connection: sa.Connection, session: Any, change: wire.GroupInfoEvent) -> Iterator[Event]:
    group = jid_text(change.JID)
    names = people.names(connection, session, _named_in_change(change))
    author = names.get(jid_text(change.Sender)) if change.HasField("Sender") else None
    columns, changes = _settings(change, author)
    if columns:
        group_rows.change(connection, session.id, group, **columns)
    if changes:
        yield GroupsUpdate(group=group, author=author, changes=changes)
    for field, action in _ACTIONS:
        who = tuple(names[jid_text(jid)] for jid in getattr(change, field))
        if who:
            group_rows.change_members(connection, session.id, group, who, action)
            yield GroupParticipantsUpdate(group=group, author=author, people=who, action=action)
            if action == "remove" and any(_is_own(connection, session, each) for each in who):
                group_rows.remove(connection, session.id, group)
    if change.HasField("Delete") and change.Delete.Deleted:
        group_rows.remove(connection, session.id, group)


def _settings(change: wire.GroupInfoEvent, author: Person | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the notification changes of the group itself: as columns of its row, and in Baileys' names."""
    by, by_lid = (author.jid, author.lid) if author else (None, None)
    columns: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    if change.HasField("Name"):
        subject, moment = change.Name.Name, change.Name.NameSetAt
        columns |= {"subject": subject[: group_rows.SUBJECT_LONGEST], "subject_at": moment}
        columns |= {"subject_by": by, "subject_by_lid": by_lid}
        changes |= {"subject": subject, "subjectOwner": by or by_lid, "subjectOwnerLid": by_lid, "subjectTime": moment}
    if change.HasField("Topic"):
        text = change.Topic.Topic if not change.Topic.TopicDeleted else None
        columns |= {"description": text, "description_id": change.Topic.TopicID, "description_by": by}
        columns |= {"description_by_lid": by_lid, "description_at": change.Topic.TopicSetAt}
        changes |= {"desc": text, "descId": change.Topic.TopicID, "descOwner": by or by_lid, "descOwnerLid": by_lid}
    if change.HasField("Locked"):
        columns["locked"] = changes["restrict"] = change.Locked.isLocked
    if change.HasField("Announce"):
        columns["announce"] = changes["announce"] = change.Announce.IsAnnounce
    if change.HasField("Ephemeral"):
        seconds = change.Ephemeral.DisappearingTimer if change.Ephemeral.IsEphemeral else None
        columns["ephemeral_seconds"] = changes["ephemeralDuration"] = seconds
    if change.HasField("NewInviteLink"):
        changes["inviteCode"] = change.NewInviteLink.removeprefix(INVITE_PREFIX)
    if change.HasField("Delete") and change.Delete.Deleted:
        changes["deleted"] = True
    return columns, changes


def _picture(connection: sa.Connection, session: Any, picture: wire.Picture) -> Iterator[Event]:
    whose, what = jid_text(picture.JID), {"imgUrl": "removed" if picture.Remove else "changed"}
    named = [jid_text(jid) for jid in (picture.JID, picture.Author) if jid.User]
    names = people.names(connection, session, named)
    if picture.JID.Server == GROUP_SERVER:
        yield GroupsUpdate(group=whose, author=names.get(jid_text(picture.Author)), changes=what)
    else:
        contact_rows.forget_picture(connection, session.id, names[whose])
        yield ContactsUpdate(person=names[whose], changes=what)


def _is_own(connection: sa.Connection, session: Any, who: Person) -> bool:
    own = connection.execute(
        sa.select(sessions.c.phone, sessions.c.lid).where(sessions.c.id == session.id)
    ).one()
    return bool((who.jid and who.jid.split("@")[0] == own.phone) or (who.lid and who.lid == own.lid))


def _people_named(entry: Entry) -> Iterator[str]:
    if entry.code == CODES[wire.GroupInfoEvent]:
        yield from _named_in_change(wire.GroupInfoEvent.FromString(entry.raw))
    elif entry.code == CODES[wire.Picture]:
        picture = wire.Picture.FromString(entry.raw)
        for jid in (picture.JID, picture.Author):
            if jid.User and jid.Server != GROUP_SERVER:
                yield jid_text(jid)
    elif entry.code == CODES[wire.HistorySync]:
        history = wire.HistorySync.FromString(entry.raw).Data
        for each in (*history.conversations, *history.pushnames):
            if each.ID.endswith(f"@{LID_SERVER}"):
                yield each.ID


def _named_in_change(change: wire.GroupInfoEvent) -> Iterator[str]:
    if change.HasField("Sender"):
        yield jid_text(change.Sender)
    for field, _ in _ACTIONS:
        for jid in getattr(change, field):
            yield jid_text(jid)


def _event_id(digest: str, number: int) -> str:
    return f"evt_{digest}{number}"
