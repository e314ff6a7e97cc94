"""Questions about people: who exists, under which names, what they show of themselves, whom we block."""

from collections.abc import Sequence
from typing import Any

from neonize.utils.enum import BlocklistAction

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import NotRegistered
from flashapi.events import Person
from workers import contact_rows, people
from workers.actions.pictures import picture_of
from workers.addressing import Asks, Whose, to_jid
from workers.from_whatsapp import jid_text


def check_numbers(
    client: Asks, connections: Connections, whose: Whose, *, numbers: Sequence[str]
) -> list[dict[str, str | None] | None]:
    """For each number or JID both names of the account that exists; None where there is none."""
    found = people.accounts(client, connections, whose, numbers)
    return [{"jid": who.jid, "lid": who.lid} if who is not None else None for who in found]


def names(client: Asks, connections: Connections, whose: Whose, *, person: str) -> dict[str, Any]:
    """Both names of somebody. Raises NotRegistered."""
    who = _somebody(client, connections, whose, person)
    return {"jid": who.jid, "lid": who.lid}


def profile(client: Asks, connections: Connections, whose: Whose, *, session: str, person: str) -> dict[str, Any]:
    """What somebody shows of themselves. Raises NotRegistered."""
    who = _somebody(client, connections, whose, person)
    jid = to_jid(who.preferred)
    found = client.call("get_user_info", jid)
    info = found[0].UserInfo if found else None
    verified = info.VerifiedName.Details.verifiedName if info is not None and info.HasField("VerifiedName") else None
    picture = picture_of(client, who.preferred, preview=False)
    facts = {
        "verified_name": verified or None,
        "about": (info.Status or None) if info is not None else None,
        "picture_url": picture["url"] if picture else None,
    }
    with connections.transaction() as connection:
        contact_rows.note(connection, session, who, **facts)
    saved = client.call("contact.get_contact", jid)
    return {
        "jid": who.jid,
        "lid": who.lid,
        "name": saved.FullName or saved.FirstName or None,
        "notify": saved.PushName or None,
        "verifiedName": facts["verified_name"],
        "status": facts["about"],
        "imgUrl": facts["picture_url"],
        "pictureId": picture["id"] if picture else None,
    }


def block(
    client: Asks, connections: Connections, whose: Whose, *, person: str, blocked: bool
) -> dict[str, str | None]:
    """Block somebody, or no longer. Raises NotRegistered."""
    who = _somebody(client, connections, whose, person)
    action = BlocklistAction.BLOCK if blocked else BlocklistAction.UNBLOCK
    client.call("update_blocklist", to_jid(who.preferred), action)
    return {"jid": who.jid, "lid": who.lid}


def blocklist(client: Asks, connections: Connections, whose: Whose) -> list[dict[str, str | None]]:
    """Everybody who is blocked."""
    listed = [jid_text(jid) for jid in client.call("get_blocklist").JIDs]
    found = people.introduce(client, connections, whose, listed)
    return [{"jid": found[jid].jid, "lid": found[jid].lid} for jid in listed]


def _somebody(client: Asks, connections: Connections, whose: Whose, named: str) -> Person:
    [who] = people.accounts(client, connections, whose, [named])
    if who is None:
        raise NotRegistered(field="jid")
    return who


QUESTIONS: dict[Action, Any] = {
    Action.CHECK_NUMBERS: check_numbers,
    Action.CONTACT_NAMES: names,
    Action.CONTACT_PROFILE: profile,
    Action.BLOCK_CONTACT: block,
    Action.BLOCKLIST: blocklist,
}
