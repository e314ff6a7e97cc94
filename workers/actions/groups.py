"""Questions about groups and changes to them. After each change the group is read again, so that its row is right."""

from collections.abc import Sequence
from typing import Any

from neonize.exc import GetGroupInfoError
from neonize.proto import Neonize_pb2 as wire
from neonize.utils.enum import ParticipantChange

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import NotRegistered
from flashapi.events import Person
from flashapi.group_metadata import as_metadata
from workers import group_rows, people
from workers.addressing import Asks, Whose, to_jid
from workers.from_whatsapp import jid_text

DONE, NOBODY = 200, 404
NOT_A_MEMBER = "not participating in that group"


def info(client: Asks, connections: Connections, whose: Whose, *, session: str, group: str) -> dict[str, Any]:
    """GroupMetadata as WhatsApp has it now."""
    return _read(client, connections, whose, session, group)


def create(
    client: Asks, connections: Connections, whose: Whose, *, session: str, subject: str, participants: Sequence[str]
) -> dict[str, Any]:
    """Make a group. Raises NotRegistered if one of the people has no account: then there is no group either."""
    found = people.accounts(client, connections, whose, participants)
    for named, who in zip(participants, found, strict=True):
        if who is None:
            raise NotRegistered(f"participants: o número {named} não está registrado no WhatsApp", field="participants")
    members = [to_jid(who.preferred) for who in dict.fromkeys(found) if who is not None]
    made = client.call("create_group", subject, members)
    return _save(connections, whose, session, made)


def change_participants(
    client: Asks,
    connections: Connections,
    whose: Whose,
    *,
    session: str,
    group: str,
    participants: Sequence[str],
    change: str,
) -> list[dict[str, Any]]:
    """Add, remove, promote or demote people; for each of them what WhatsApp answered."""
    found = people.accounts(client, connections, whose, participants)
    aims = _aims(client, group, found, change)
    statuses: dict[str, int] = {}
    if aims:
        answers = client.call(
            "update_group_participants", to_jid(group), list(aims.values()), ParticipantChange(change)
        )
        for answer in answers:
            for jid in (answer.JID, answer.LID, answer.PhoneNumber):
                statuses[jid_text(jid)] = answer.Error or DONE
        _read_if_member(client, connections, whose, session, group)
    outcomes = [_status(who, aims, statuses) for who in found]
    with connections.reading() as connection:  # the group has told the other names of those who are in it
        names = people.names(connection, whose, [who.preferred for who in found if who is not None])
    return [
        _result(named, names[who.preferred] if who is not None else None, outcome)
        for named, who, outcome in zip(participants, found, outcomes, strict=True)
    ]


def leave(client: Asks, connections: Connections, whose: Whose, *, session: str, group: str) -> None:
    """Leave a group."""
    client.call("leave_group", to_jid(group))
    with connections.transaction() as connection:
        group_rows.remove(connection, session, group)


def set_subject(
    client: Asks, connections: Connections, whose: Whose, *, session: str, group: str, subject: str
) -> None:
    """Rename a group."""
    client.call("set_group_name", to_jid(group), subject)
    _read_if_member(client, connections, whose, session, group)


def set_description(
    client: Asks, connections: Connections, whose: Whose, *, session: str, group: str, description: str
) -> None:
    """Describe a group anew. whatsmeow finds the former description's id by itself."""
    client.call("set_group_topic", to_jid(group), "", "", description)
    _read_if_member(client, connections, whose, session, group)


def set_settings(
    client: Asks,
    connections: Connections,
    whose: Whose,
    *,
    session: str,
    group: str,
    announce: bool | None,
    locked: bool | None,
) -> dict[str, bool]:
    """Who may write (announce: admins only) and who may change the group (locked: admins only); None leaves as is."""
    if announce is not None:
        client.call("set_group_announce", to_jid(group), announce)
    if locked is not None:
        client.call("set_group_locked", to_jid(group), locked)
    now = _read(client, connections, whose, session, group)
    return {"announce": now["announce"], "locked": now["restrict"]}


def invite_link(client: Asks, connections: Connections, whose: Whose, *, group: str, revoke: bool) -> str:
    """The group's link; with `revoke` a new one, the former no longer working."""
    link: str = client.call("get_group_invite_link", to_jid(group), revoke)
    return link


def look_at_link(client: Asks, connections: Connections, whose: Whose, *, code: str) -> dict[str, Any]:
    """The group a link leads to, without joining it."""
    found = client.call("get_group_info_from_link", code)
    named = [who for who in group_rows.people_of(found)]
    return as_metadata(group_rows.columns_of(found, people.told(named)))


def join(client: Asks, connections: Connections, whose: Whose, *, session: str, code: str) -> dict[str, Any]:
    """Join by a link. `pending` where an admin has to let the account in: neonize answers the group either way."""
    group = jid_text(client.call("join_group_with_link", code))
    joined = _read_if_member(client, connections, whose, session, group)
    return {"groupJid": group, "pending": joined is None}


def join_requests(client: Asks, connections: Connections, whose: Whose, *, group: str) -> list[dict[str, Any]]:
    """Who waits to be let in, and since when, in seconds."""
    waiting = client.call("get_group_request_participants", to_jid(group))
    found = people.introduce(client, connections, whose, [jid_text(each.Participant) for each in waiting])
    return [
        {
            "jid": found[jid_text(each.Participant)].jid,
            "lid": found[jid_text(each.Participant)].lid,
            "requestedAt": each.TimeAt // 1_000_000,  # neonize gives microseconds
        }
        for each in waiting
    ]


def _aims(client: Asks, group: str, found: Sequence[Person | None], change: str) -> dict[str, wire.JID]:
    """By which JID WhatsApp is to be told of each person: a member by the one the group knows them by."""
    somebody = [who for who in found if who is not None]
    if change == "add":
        return {who.preferred: to_jid(who.preferred) for who in somebody}
    members: dict[str | None, wire.JID] = {}
    for member in client.call("get_group_info", to_jid(group)).Participants:
        for jid in (member.JID, member.LID, member.PhoneNumber):
            members[jid_text(jid)] = member.JID
    return {who.preferred: jid for who in somebody if (jid := members.get(who.jid) or members.get(who.lid))}


def _status(who: Person | None, aims: dict[str, wire.JID], statuses: dict[str, int]) -> int:
    if who is None or who.preferred not in aims:
        return NOBODY
    names = (jid_text(aims[who.preferred]), who.jid, who.lid)
    return next((statuses[name] for name in names if name in statuses), DONE)


def _result(named: str, who: Person | None, status: int) -> dict[str, Any]:
    """One person's outcome, `content` being the stanza's as Baileys hands it on."""
    jid = who.preferred if who is not None else named if "@" in named else f"{named}@s.whatsapp.net"
    attributes = {"jid": jid} | ({"error": str(status)} if status != DONE else {})
    return {
        "status": str(status),
        "jid": jid,
        "lid": who.lid if who is not None else None,
        "content": {"tag": "participant", "attrs": attributes},
    }


def _read(client: Asks, connections: Connections, whose: Whose, session: str, group: str) -> dict[str, Any]:
    return _save(connections, whose, session, client.call("get_group_info", to_jid(group)))


def _read_if_member(
    client: Asks, connections: Connections, whose: Whose, session: str, group: str
) -> dict[str, Any] | None:
    try:
        return _read(client, connections, whose, session, group)
    except GetGroupInfoError as error:
        if NOT_A_MEMBER not in str(error):
            raise
    with connections.transaction() as connection:
        group_rows.remove(connection, session, group)
    return None


def _save(connections: Connections, whose: Whose, session: str, group: wire.GroupInfo) -> dict[str, Any]:
    with connections.transaction() as connection:
        [row] = group_rows.save_all(connection, whose, session, [group])
    return as_metadata(row)


QUESTIONS: dict[Action, Any] = {
    Action.GROUP_INFO: info,
    Action.CREATE_GROUP: create,
    Action.CHANGE_PARTICIPANTS: change_participants,
    Action.LEAVE_GROUP: leave,
    Action.SET_GROUP_SUBJECT: set_subject,
    Action.SET_GROUP_DESCRIPTION: set_description,
    Action.SET_GROUP_SETTINGS: set_settings,
    Action.INVITE_LINK: invite_link,
    Action.LOOK_AT_LINK: look_at_link,
    Action.JOIN_GROUP: join,
    Action.JOIN_REQUESTS: join_requests,
}
