"""Groups as stanzas: how one is described, and how its members learn what changed."""

from __future__ import annotations

from sandbox.accounts import Account, Directory
from sandbox.groups import Group, Role
from sandbox.network import Network
from sandbox.stanzas import notification
from sandbox.wire import Node, Value


def members_of(directory: Directory, group: Group) -> list[Account]:
    found = (directory.by_number(number) for number in group.members)
    return [account for account in found if account]


def describe_group(directory: Directory, group: Group) -> Node:
    """The `group` node of answers and of the `create` notification (whatsmeow, group.go: parseGroupNode)."""
    attrs: dict[str, Value] = {
        "id": group.id,
        "subject": group.subject,
        "s_t": str(group.subject_at),
        "creation": str(group.created_at),
        "addressing_mode": "lid",
        "size": str(len(group.members)),
        "p_v_id": str(group.members_version),
    }
    attrs |= both_addresses(directory, "creator", group.creator) | both_addresses(directory, "s_o", group.subject_by)
    children = [describe_member(one, role=group.members[one.number]) for one in members_of(directory, group)]
    if group.description_id:
        attributes: dict[str, Value] = {"id": group.description_id, "t": str(group.description_at)}
        attributes |= both_addresses(directory, "participant", group.description_by)
        children.append(Node("description", attributes, [Node("body", {}, group.description.encode())]))
    if group.announce:
        children.append(Node("announcement"))
    if group.locked:
        children.append(Node("locked"))
    if group.approval:
        children.append(Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]))
    if group.expiration:
        children.append(Node("ephemeral", {"expiration": str(group.expiration)}))
    children.append(Node("member_add_mode", {}, b"admin_add" if group.admins_add else b"all_member_add"))
    return Node("group", attrs, children)


def describe_member(account: Account, *, role: Role = Role.MEMBER, error: int = 0) -> Node:
    """A `participant` under both of its addresses."""
    attrs: dict[str, Value] = {"jid": account.hidden_address(), "phone_number": account.address()}
    if role is not Role.MEMBER:
        attrs["type"] = role.value
    if error:
        attrs["error"] = str(error)
    return Node("participant", attrs)


def both_addresses(directory: Directory, name: str, number: str) -> dict[str, Value]:
    """An attribute with somebody's LID, and its twin with the phone number."""
    account = directory.by_number(number)
    return {name: account.hidden_address(), f"{name}_pn": account.address()} if account else {}


def announce_change(
    network: Network, group: Group, author: Account, change: Node, audience: list[Account] | None = None
) -> None:
    """Tell every device of the members, or of the audience, the author's own included, what somebody did."""
    news = notification(
        "w:gp2",
        group.jid,
        change,
        participant=author.hidden_address(),
        participant_pn=author.address(),
        notify=author.push_name,
        addressing_mode="lid",
    )
    for account in members_of(network.directory, group) if audience is None else audience:
        for device in account.device_numbers():
            network.deliver(account.hidden_address(device), news)
