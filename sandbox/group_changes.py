"""What people do to groups, whether at a linked device or at a phone: check that they may, change, tell the others."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.accounts import Account
from sandbox.group_stanzas import announce_change, describe_group, describe_member, members_of
from sandbox.groups import Group, Role, new_invite
from sandbox.jid import JID
from sandbox.network import Network
from sandbox.wire import Node, Value

LONGEST_SUBJECT = 100
LONGEST_DESCRIPTION = 2048
MEMBER_ACTIONS = ("add", "remove", "promote", "demote")

NOT_AUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED = 401, 403, 404, 405
NOT_ACCEPTABLE, CONFLICT, GONE = 406, 409, 410


class GroupRefusal(Exception):
    """The network refuses a change; `code` is what its iq error carries."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one person of a change; code 200, or why not."""

    jid: JID
    account: Account | None
    code: int = 200


def find_group(network: Network, member: Account, jid: JID | None) -> Group:
    """The group, for somebody who is in it. Raises GroupRefusal."""
    group = network.groups.by_jid(jid)
    if group is None:
        raise GroupRefusal(NOT_FOUND, "item-not-found")
    if not group.has(member):
        raise GroupRefusal(FORBIDDEN, "forbidden")
    return group


def create_group(
    network: Network,
    author: Account,
    subject: str,
    people: Sequence[JID],
    *,
    key: str = "",
    set_up: Callable[[Group], None] = lambda group: None,
) -> tuple[Group, list[Outcome]]:
    """Found a group; `key` comes back in the members' notification. Raises GroupRefusal."""
    _check_subject(subject)
    group = network.groups.make(subject, author)
    set_up(group)
    outcomes = [_admit(network, group, jid) for jid in people if network.directory.by_jid(jid) is not author]
    network.groups.save(group)
    attrs: dict[str, Value] = {"type": "new", "reason": "new"}
    if key:
        attrs["key"] = key
    announce_change(network, group, author, Node("create", attrs, [describe_group(network.directory, group)]))
    return group, outcomes


def change_members(
    network: Network, author: Account, group: Group, action: str, people: Sequence[JID]
) -> list[Outcome]:
    """Add, remove, promote or demote, each person for itself. Raises GroupRefusal."""
    if not group.is_admin(author) and (action != "add" or group.admins_add):
        raise GroupRefusal(FORBIDDEN, "forbidden")
    audience = members_of(network.directory, group)  # who is put out learns it too
    change = _admit if action == "add" else _CHANGES[action]
    outcomes = [change(network, group, jid) for jid in people]
    changed = [outcome.account for outcome in outcomes if outcome.account and outcome.code == 200]
    if changed:
        _announce_members(network, group, author, action, changed, audience)
    return outcomes


def leave_group(network: Network, account: Account, group: Group) -> None:
    """Go; an admin's role passes on when nobody else has it, and an empty group ends."""
    audience = members_of(network.directory, group)
    del group.members[account.number]
    _announce_members(network, group, account, "remove", [account], audience)
    if not group.members:
        network.groups.delete(group)
    elif all(role is Role.MEMBER for role in group.members.values()):
        heir = members_of(network.directory, group)[0]
        group.members[heir.number] = Role.ADMIN
        _announce_members(network, group, account, "promote", [heir], members_of(network.directory, group))


def set_subject(network: Network, author: Account, group: Group, subject: str) -> None:
    """Raises GroupRefusal."""
    _check_editor(author, group)
    _check_subject(subject)
    group.subject, group.subject_by, group.subject_at = subject, author.number, int(time.time())
    attrs: dict[str, Value] = {
        "subject": subject,
        "s_t": str(group.subject_at),
        "s_o": author.hidden_address(),
        "s_o_pn": author.address(),
    }
    _finish(network, group, author, Node("subject", attrs))


def set_description(network: Network, author: Account, group: Group, text: str, id: str = "", prev: str = "") -> None:
    """Describe the group, or with an empty text no longer; `prev`: what is to be replaced. Raises GroupRefusal."""
    _check_editor(author, group)
    if len(text) > LONGEST_DESCRIPTION:
        raise GroupRefusal(NOT_ACCEPTABLE, "not-acceptable")
    if prev and prev != group.description_id:
        raise GroupRefusal(CONFLICT, "conflict")
    id = id or secrets.token_hex(8).upper()
    group.description, group.description_id = text, id if text else ""
    group.description_by, group.description_at = author.number, int(time.time())
    body = Node("body", {}, text.encode()) if text else Node("delete")
    _finish(network, group, author, Node("description", {"id": id, "t": str(group.description_at)}, [body]))


def set_rule(network: Network, author: Account, group: Group, rule: str, on: bool) -> None:
    """Switch one of `announce`, `locked`, `approval`, `admins_add`. Raises GroupRefusal."""
    if not group.is_admin(author):
        raise GroupRefusal(FORBIDDEN, "forbidden")
    if getattr(group, rule) is on:
        return
    setattr(group, rule, on)
    state = "on" if on else "off"
    nodes = {
        "announce": Node("announcement" if on else "not_announcement", {"v_id": str(int(time.time()))}),
        "locked": Node("locked" if on else "unlocked"),
        "approval": Node("membership_approval_mode", {}, [Node("group_join", {"state": state})]),
        "admins_add": Node("member_add_mode", {}, b"admin_add" if on else b"all_member_add"),
    }
    _finish(network, group, author, nodes[rule])


def set_expiration(network: Network, author: Account, group: Group, seconds: int) -> None:
    """Let messages disappear after so long, or with 0 no longer. Raises GroupRefusal."""
    _check_editor(author, group)
    group.expiration = seconds
    change = Node("ephemeral", {"expiration": str(seconds)}) if seconds else Node("not_ephemeral")
    _finish(network, group, author, change)


def read_invite(author: Account, group: Group) -> str:
    """The code of the invitation link, which only admins see. Raises GroupRefusal."""
    if not group.is_admin(author):
        raise GroupRefusal(NOT_AUTHORIZED, "not-authorized")
    return group.invite


def renew_invite(network: Network, author: Account, group: Group) -> str:
    """Make the old link worthless. Raises GroupRefusal."""
    read_invite(author, group)
    group.invite = new_invite()
    network.groups.save(group)
    admins = [account for account in members_of(network.directory, group) if group.is_admin(account)]
    announce_change(network, group, author, Node("invite", {"code": group.invite}), admins)
    return group.invite


def find_invited(network: Network, code: str) -> Group:
    """The group that a link leads to. Raises GroupRefusal."""
    if len(code) != len(new_invite()):
        raise GroupRefusal(NOT_ACCEPTABLE, "not-acceptable")
    group = network.groups.by_invite(code)
    if group is None:
        raise GroupRefusal(GONE, "gone")
    return group


def join_group(network: Network, account: Account, code: str) -> tuple[Group, bool]:
    """Come by a link: the group, and whether one is in at once or has to wait for an admin. Raises GroupRefusal."""
    group = find_invited(network, code)
    if group.has(account):
        raise GroupRefusal(CONFLICT, "conflict")
    audience = members_of(network.directory, group)
    if group.approval:
        group.requests[account.number] = int(time.time())
        network.groups.save(group)
        asker: dict[str, Value] = {"jid": account.hidden_address(), "phone_number": account.address()}
        request = Node("created_membership_requests", {"request_method": "invite_link"})
        request.content = [Node("requested_user", asker)]
        announce_change(network, group, account, request, [one for one in audience if group.is_admin(one)])
        return group, False
    group.members[account.number] = Role.MEMBER
    _announce_members(network, group, account, "add", [account], audience, reason="invite")
    return group, True


def decide_requests(
    network: Network, author: Account, group: Group, people: Sequence[JID], *, approve: bool
) -> list[Outcome]:
    """Let people in who wait, or send them away. Raises GroupRefusal."""
    if not group.is_admin(author):
        raise GroupRefusal(FORBIDDEN, "forbidden")
    accounts = [(jid, network.directory.by_jid(jid)) for jid in people]
    waiting = [account for _, account in accounts if account and account.number in group.requests]
    for account in waiting:
        del group.requests[account.number]
    network.groups.save(group)
    if waiting and approve:
        audience = members_of(network.directory, group)
        group.members |= {account.number: Role.MEMBER for account in waiting}
        _announce_members(network, group, author, "add", waiting, audience)
    return [Outcome(jid, account, 200 if account in waiting else NOT_FOUND) for jid, account in accounts]


def _admit(network: Network, group: Group, jid: JID) -> Outcome:
    account = network.directory.by_jid(jid)
    if account is None:
        return Outcome(jid, None, NOT_FOUND)
    if group.has(account):
        return Outcome(jid, account, CONFLICT)
    group.members[account.number] = Role.MEMBER
    group.requests.pop(account.number, None)
    return Outcome(jid, account)


def _put_out(network: Network, group: Group, jid: JID) -> Outcome:
    outcome = _give_role(network, group, jid, None)
    if outcome.account and outcome.code == 200:
        del group.members[outcome.account.number]
    return outcome


def _promote(network: Network, group: Group, jid: JID) -> Outcome:
    return _give_role(network, group, jid, Role.ADMIN)


def _demote(network: Network, group: Group, jid: JID) -> Outcome:
    return _give_role(network, group, jid, Role.MEMBER)


_CHANGES = {"remove": _put_out, "promote": _promote, "demote": _demote}


def _give_role(network: Network, group: Group, jid: JID, role: Role | None) -> Outcome:
    account = network.directory.by_jid(jid)
    if account is None or not group.has(account):
        return Outcome(jid, account, NOT_FOUND)
    if group.members[account.number] is Role.CREATOR:
        return Outcome(jid, account, NOT_ALLOWED)
    if role is not None:
        group.members[account.number] = role
    return Outcome(jid, account)


def _announce_members(
    network: Network,
    group: Group,
    author: Account,
    action: str,
    people: list[Account],
    audience: list[Account],
    reason: str = "",
) -> None:
    """Tell the audience who came, went, rose or fell. Who comes is told what the group is instead."""
    before, group.members_version = group.members_version, group.members_version + 1
    network.groups.save(group)
    attrs: dict[str, Value] = {"prev_v_id": str(before), "v_id": str(group.members_version)}
    if reason:
        attrs["reason"] = reason
    members = [describe_member(person) for person in people]
    announce_change(network, group, author, Node(action, attrs, members), audience)
    if action == "add":
        welcome: dict[str, Value] = {"reason": reason} if reason else {}
        create = Node("create", welcome, [describe_group(network.directory, group)])
        announce_change(network, group, author, create, people)


def _finish(network: Network, group: Group, author: Account, change: Node) -> None:
    network.groups.save(group)
    announce_change(network, group, author, change)


def _check_editor(author: Account, group: Group) -> None:
    if group.locked and not group.is_admin(author):
        raise GroupRefusal(FORBIDDEN, "forbidden")


def _check_subject(subject: str) -> None:
    if not 0 < len(subject) <= LONGEST_SUBJECT:
        raise GroupRefusal(NOT_ACCEPTABLE, "not-acceptable")
