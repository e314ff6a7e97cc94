"""The iqs about people: pictures, "about" texts, blocking, privacy, contact links. One function per kind."""

from __future__ import annotations

import hashlib
import json
import secrets

from sandbox.accounts import Account
from sandbox.groups import Group
from sandbox.jid import GROUP_SERVER, JID
from sandbox.media_server import PICTURE_PATH
from sandbox.network import Link, Network
from sandbox.pictures import InvalidImage
from sandbox.profiles import announce_about, announce_blocking, announce_group_picture, announce_picture
from sandbox.stanzas import error, result
from sandbox.wire import Node

# neonize's spelling of a value that the protocol writes otherwise.
PRIVACY_SPELLINGS = {"contacts_blacklist": "contact_blacklist"}


def answer_picture(network: Network, link: Link, query: Node) -> Node:
    """Show or change the picture of the account itself, of somebody, or of a group."""
    target = query.jid("target")
    if target and target.server == GROUP_SERVER:
        group = network.groups.by_jid(target)
        if group is None or not group.has(link.account):
            return error(query, 401, "not-authorized")
        if query.text("type") == "set":
            return _set_group_picture(network, link, query, group)
        return _show_picture(network, query, str(group.jid))
    account = network.directory.by_jid(target) if target else link.account
    if account is None:
        return error(query, 404, "item-not-found")
    if query.text("type") == "set":
        return _set_picture(network, link, query, account)
    hidden = network.preferences.privacy(account)["profile"] == "none"
    if account is not link.account and (hidden or network.preferences.blocks(account, link.account)):
        return error(query, 401, "not-authorized")
    return _show_picture(network, query, account.number)


def _show_picture(network: Network, query: Node, owner: str) -> Node:
    picture, asked = network.pictures.of(owner), query.child("picture")
    if picture is None or asked is None:
        return error(query, 404, "item-not-found")
    if asked.text("id") == picture.id:
        return result(query)  # the client has it already
    direct_path = f"{PICTURE_PATH}{picture.id}?ccb=1"
    attrs = {"id": picture.id, "type": asked.text("type", "image"), "direct_path": direct_path}
    return result(query, Node("picture", {**attrs, "url": f"https://{network.media_host}{direct_path}"}))


def _set_picture(network: Network, link: Link, query: Node, account: Account) -> Node:
    if account is not link.account:
        return error(query, 403, "forbidden")
    answer = _change_picture(network, query, account.number)
    if answer.text("type") == "result":
        announce_picture(network, account, but=link.device.number)
    return answer


def _set_group_picture(network: Network, link: Link, query: Node, group: Group) -> Node:
    if group.locked and not group.is_admin(link.account):
        return error(query, 403, "forbidden")
    answer = _change_picture(network, query, str(group.jid))
    if answer.text("type") == "result":
        announce_group_picture(network, group, link.account)
    return answer


def _change_picture(network: Network, query: Node, owner: str) -> Node:
    image = query.child_data("picture")
    if not image:
        network.pictures.remove(owner)
        return result(query)
    try:
        picture = network.pictures.set(owner, image)
    except InvalidImage:
        return error(query, 406, "not-acceptable")
    return result(query, Node("picture", {"id": picture.id, "type": "image"}))


def list_blocked(network: Network, link: Link, query: Node) -> Node:
    return result(query, _blocklist(network, link.account))


def change_blocked(network: Network, link: Link, query: Node) -> Node:
    """Block or unblock one person."""
    item = query.child("item")
    other = network.directory.by_jid(item.jid("jid")) if item else None
    if item is None or other is None or item.text("action") not in ("block", "unblock"):
        return error(query, 400, "bad-request")
    blocked = item.text("action") == "block"
    if network.preferences.set_blocked(link.account, other, blocked):
        announce_blocking(network, link.account, other, blocked, but=link.device.number)
    return result(query, _blocklist(network, link.account))


def _blocklist(network: Network, account: Account) -> Node:
    people = [network.directory.by_number(number) for number in network.preferences.blocked(account)]
    items = [Node("item", {"jid": person.hidden_address()}) for person in people if person]
    digest = hashlib.sha256("".join(sorted(str(item.attrs["jid"]) for item in items)).encode()).hexdigest()
    return Node("list", {"dhash": digest[:16]}, items)


def answer_privacy(network: Network, link: Link, query: Node) -> Node:
    """List the settings, or change those that are given."""
    changes = query.child("privacy")
    if query.text("type") == "set":
        for category in changes.children if changes else []:
            value = category.text("value")
            try:
                network.preferences.set_privacy(
                    link.account, category.text("name"), PRIVACY_SPELLINGS.get(value, value)
                )
            except ValueError:
                return error(query, 400, "bad-request")
    settings = network.preferences.privacy(link.account)
    categories = [Node("category", {"name": name, "value": value}) for name, value in settings.items()]
    return result(query, Node("privacy", {}, categories))


def answer_status_privacy(network: Network, link: Link, query: Node) -> Node:
    """Who sees the account's status posts: its contacts, which nobody can change here."""
    return result(query, Node("privacy", {}, [Node("list", {"type": "contacts", "default": "true"})]))


def set_about(network: Network, link: Link, query: Node) -> Node:
    """The "about" text as older clients send it."""
    return _change_about(network, link, query, query.child_data("status").decode(errors="replace")) or result(query)


def answer_mex(network: Network, link: Link, query: Node) -> Node:
    """GraphQL-like questions. The one about the account itself changes its "about" text; others have no answer."""
    try:
        variables = json.loads(query.child_data("query"))["variables"]
        given = variables["input"]["text"]
    except (ValueError, KeyError, TypeError):
        return error(query, 501, "feature-not-implemented")
    done = result(query, Node("result", {}, json.dumps({"data": {}}).encode()))
    return _change_about(network, link, query, str(given or "")) or done


def _change_about(network: Network, link: Link, query: Node, text: str) -> Node | None:
    """Keep the text and tell others; the answer if it is refused."""
    if len(text) > 139:  # WhatsApp's limit
        return error(query, 406, "not-acceptable")
    network.preferences.set_about(link.account, text)
    announce_about(network, link.account)
    return None


def answer_contact_link(network: Network, link: Link, query: Node) -> Node:
    """The code of an account's contact link, a new one, or whom a code leads to."""
    asked = query.child("qr")
    if asked is None:
        return error(query, 400, "bad-request")
    if code := asked.text("code"):
        for account in network.directory:
            if network.preferences.contact_code(account) == code:
                attrs: dict[str, str | JID] = {"jid": account.address(), "notify": account.push_name, "type": "contact"}
                return result(query, Node("qr", attrs))
        return error(query, 404, "item-not-found")
    own = network.preferences.contact_code(link.account)
    if own is None or asked.text("action") == "revoke":
        own = secrets.token_hex(8).upper()
        network.preferences.set_contact_code(link.account, own)
    return result(query, Node("qr", {"code": own, "type": "contact"}))


def accept_setting(network: Network, link: Link, query: Node) -> Node:
    """A setting that changes nothing here."""
    return result(query)
