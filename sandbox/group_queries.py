"""The group queries (`w:g2`) of linked devices, each answered as whatsmeow's group.go reads it."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.group_changes import (
    FORBIDDEN,
    MEMBER_ACTIONS,
    GroupRefusal,
    Outcome,
    change_members,
    create_group,
    decide_requests,
    find_group,
    find_invited,
    join_group,
    leave_group,
    read_invite,
    renew_invite,
    set_description,
    set_expiration,
    set_rule,
    set_subject,
)
from sandbox.group_stanzas import describe_group, describe_member
from sandbox.groups import Group
from sandbox.jid import JID
from sandbox.network import Link, Network
from sandbox.stanzas import error, result
from sandbox.wire import Node

# What a setting's tag switches, and to which side.
RULES = {
    "announcement": ("announce", True),
    "not_announcement": ("announce", False),
    "locked": ("locked", True),
    "unlocked": ("locked", False),
}

Answerer = Callable[[Network, Link, Node], Node]


def answer_groups(network: Network, link: Link, query: Node) -> Node:
    """Answer a query about a group, or about all of them."""
    asked = query.children[0]
    answerer = ANSWERERS.get((query.text("type"), asked.tag))
    if answerer is None:
        return error(query, 501, "feature-not-implemented")
    try:
        with network.store.transaction():
            return answerer(network, link, query)
    except GroupRefusal as refusal:
        return error(query, refusal.code, refusal.text)


def _create(network: Network, link: Link, query: Node) -> Node:
    create = query.children[0]

    def set_up(group: Group) -> None:
        group.announce = create.child("announcement") is not None
        group.locked = create.child("locked") is not None
        group.admins_add = create.child_data("member_add_mode") == b"admin_add"
        group.approval = _is_on(create.child("membership_approval_mode"))
        ephemeral = create.child("ephemeral")
        group.expiration = int(ephemeral.text("expiration") or 0) if ephemeral else 0

    subject, people = create.text("subject"), _people(create)
    group, outcomes = create_group(network, link.account, subject, people, key=create.text("key"), set_up=set_up)
    described = describe_group(network.directory, group)
    failed = [_describe_outcome(outcome) for outcome in outcomes if outcome.code != 200]
    described.content = [*described.children, *failed]
    return result(query, described)


def _query(network: Network, link: Link, query: Node) -> Node:
    return result(query, describe_group(network.directory, find_group(network, link.account, query.jid("to"))))


def _list(network: Network, link: Link, query: Node) -> Node:
    groups = [describe_group(network.directory, group) for group in network.groups.of(link.account)]
    return result(query, Node("groups", {}, list(groups)))


def _change_members(network: Network, link: Link, query: Node) -> Node:
    action = query.children[0].tag
    group = find_group(network, link.account, query.jid("to"))
    outcomes = change_members(network, link.account, group, action, _people(query.children[0]))
    return result(query, Node(action, {}, [_describe_outcome(outcome) for outcome in outcomes]))


def _leave(network: Network, link: Link, query: Node) -> Node:
    left = []
    for asked in query.children[0].children:
        group = find_group(network, link.account, asked.jid("id"))
        leave_group(network, link.account, group)
        left.append(Node("group", {"id": group.jid}))
    return result(query, Node("leave", {}, left))


def _set_subject(network: Network, link: Link, query: Node) -> Node:
    group = find_group(network, link.account, query.jid("to"))
    set_subject(network, link.account, group, query.children[0].data.decode())
    return result(query)


def _set_description(network: Network, link: Link, query: Node) -> Node:
    group = find_group(network, link.account, query.jid("to"))
    asked = query.children[0]
    text = asked.child_data("body").decode()
    set_description(network, link.account, group, text, asked.text("id"), asked.text("prev"))
    return result(query)


def _set_rule(network: Network, link: Link, query: Node) -> Node:
    rule, on = RULES[query.children[0].tag]
    set_rule(network, link.account, find_group(network, link.account, query.jid("to")), rule, on)
    return result(query)


def _set_approval(network: Network, link: Link, query: Node) -> Node:
    on = _is_on(query.children[0])
    set_rule(network, link.account, find_group(network, link.account, query.jid("to")), "approval", on)
    return result(query)


def _set_add_mode(network: Network, link: Link, query: Node) -> Node:
    on = query.children[0].data == b"admin_add"
    set_rule(network, link.account, find_group(network, link.account, query.jid("to")), "admins_add", on)
    return result(query)


def _set_expiration(network: Network, link: Link, query: Node) -> Node:
    group = find_group(network, link.account, query.jid("to"))
    set_expiration(network, link.account, group, int(query.children[0].text("expiration") or 0))
    return result(query)


def _read_invite(network: Network, link: Link, query: Node) -> Node:
    """The link of the own group, or with a code the group behind somebody's link."""
    code = query.children[0].text("code")
    if code:
        return result(query, describe_group(network.directory, find_invited(network, code)))
    group = find_group(network, link.account, query.jid("to"))
    return result(query, Node("invite", {"code": read_invite(link.account, group)}))


def _use_invite(network: Network, link: Link, query: Node) -> Node:
    """Make a new link for the own group, or with a code join the group behind the link."""
    code = query.children[0].text("code")
    if not code:
        group = find_group(network, link.account, query.jid("to"))
        return result(query, Node("invite", {"code": renew_invite(network, link.account, group)}))
    group, joined = join_group(network, link.account, code)
    return result(query, Node("group" if joined else "membership_approval_request", {"jid": group.jid}))


def _list_requests(network: Network, link: Link, query: Node) -> Node:
    group = find_group(network, link.account, query.jid("to"))
    if not group.is_admin(link.account):
        raise GroupRefusal(FORBIDDEN, "forbidden")
    waiting = []
    for number, since in group.requests.items():
        if account := network.directory.by_number(number):
            addresses = {"jid": account.hidden_address(), "phone_number": account.address()}
            waiting.append(Node("membership_approval_request", {**addresses, "request_time": str(since)}))
    return result(query, Node("membership_approval_requests", {}, waiting))


def _decide_requests(network: Network, link: Link, query: Node) -> Node:
    group = find_group(network, link.account, query.jid("to"))
    asked = query.children[0].children[0]
    outcomes = decide_requests(network, link.account, group, _people(asked), approve=asked.tag == "approve")
    decided = Node(asked.tag, {}, [_describe_outcome(outcome) for outcome in outcomes])
    return result(query, Node("membership_requests_action", {}, [decided]))


ANSWERERS: dict[tuple[str, str], Answerer] = {
    ("set", "create"): _create,
    ("get", "query"): _query,
    ("get", "participating"): _list,
    ("set", "leave"): _leave,
    ("set", "subject"): _set_subject,
    ("set", "description"): _set_description,
    ("set", "membership_approval_mode"): _set_approval,
    ("set", "member_add_mode"): _set_add_mode,
    ("set", "ephemeral"): _set_expiration,
    ("set", "not_ephemeral"): _set_expiration,
    ("get", "invite"): _read_invite,
    ("set", "invite"): _use_invite,
    ("get", "membership_approval_requests"): _list_requests,
    ("set", "membership_requests_action"): _decide_requests,
    **{("set", action): _change_members for action in MEMBER_ACTIONS},
    **{("set", tag): _set_rule for tag in RULES},
}


def _people(node: Node) -> list[JID]:
    named = [child.jid("jid") for child in node.children if child.tag == "participant"]
    return [jid for jid in named if jid]


def _is_on(mode: Node | None) -> bool:
    state = mode.child("group_join") if mode else None
    return state is not None and state.text("state") == "on"


def _describe_outcome(outcome: Outcome) -> Node:
    error_code = 0 if outcome.code == 200 else outcome.code
    if outcome.account:
        return describe_member(outcome.account, error=error_code)
    return Node("participant", {"jid": outcome.jid, "error": str(error_code)})
