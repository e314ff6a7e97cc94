"""The iqs of a logged-in device: keys, directory, privacy, app state, leaving. One function per kind of question."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import structlog

from sandbox.appstate_server import answer_sync
from sandbox.devices import remove_device
from sandbox.group_queries import answer_groups
from sandbox.jid import SERVER
from sandbox.media_server import answer_media_conn
from sandbox.network import Link, Network
from sandbox.prekeys import answer_bundles, answer_count, answer_upload
from sandbox.profile_queries import (
    accept_setting,
    answer_contact_link,
    answer_mex,
    answer_picture,
    answer_privacy,
    answer_status_privacy,
    change_blocked,
    list_blocked,
    set_about,
)
from sandbox.stanzas import error, notification, now, result
from sandbox.usync import answer_usync
from sandbox.wire import Node

log = structlog.get_logger()

Answerer = Callable[[Network, Link, Node], Node | None]


def handle_iq(network: Network, link: Link, query: Node) -> None:
    """Answer a question of a device; one nobody foresaw gets the error a real server gives."""
    if query.text("type") in ("result", "error"):
        return
    namespace, subject = query.text("xmlns"), query.children[0].tag if query.children else ""
    answerer = answer_groups if namespace == "w:g2" and subject else ANSWERERS.get((namespace, subject))
    if answerer:
        answer = answerer(network, link, query)
    else:
        log.info("query_unknown", namespace=namespace, subject=subject, account=link.account.number)
        answer = error(query, 501, "feature-not-implemented")
    if answer:
        link.connection.send(answer)


def _pong(network: Network, link: Link, query: Node) -> Node:
    return result(query)


def _be_active(network: Network, link: Link, query: Node) -> None:
    """The device is ready: give it what has waited, then tell it that this was all."""
    link.connection.send(result(query))
    count = network.flush(link)
    link.connection.send(Node("ib", {"from": SERVER}, [Node("offline", {"count": str(count)})]))
    network.on_active(link)


def _be_passive(network: Network, link: Link, query: Node) -> Node:
    link.active = False
    return result(query)


def _remove_device(network: Network, link: Link, query: Node) -> None:
    request = query.child("remove-companion-device")
    jid = request.jid("jid") if request else None
    if network.directory.by_jid(jid) is not link.account or jid is None:
        link.connection.send(error(query, 403, "forbidden"))
        return
    link.connection.send(result(query))
    remove_device(network, link.account, jid.device, tell=jid.device != link.device.number)


def _issue_tokens(network: Network, link: Link, query: Node) -> Node:
    """Pass the trust on: who is given a token by somebody may see that person's presence and picture."""
    tokens = query.child("tokens")
    for token in tokens.children if tokens else []:
        account = network.directory.by_jid(token.jid("jid"))
        if account is not None:
            entry = Node("token", {"type": "trusted_contact", "t": token.text("t") or now()}, secrets.token_bytes(12))
            news = notification(
                "privacy_token",
                link.account.address(),
                Node("tokens", {}, [entry]),
                sender_lid=link.account.hidden_address(),
            )
            network.deliver_to_linked(account, news)
    return result(query, Node("tokens", {}, []))


ANSWERERS: dict[tuple[str, str], Answerer] = {
    ("w:p", ""): _pong,
    ("encrypt", "count"): answer_count,
    ("encrypt", "registration"): answer_upload,
    ("encrypt", "key"): answer_bundles,
    ("passive", "active"): _be_active,
    ("passive", "passive"): _be_passive,
    ("md", "remove-companion-device"): _remove_device,
    ("usync", "usync"): answer_usync,
    ("privacy", "privacy"): answer_privacy,
    ("privacy", "tokens"): _issue_tokens,
    ("w:sync:app:state", "sync"): answer_sync,
    ("w:m", "media_conn"): answer_media_conn,
    ("w:profile:picture", "picture"): answer_picture,
    ("w:profile:picture", ""): answer_picture,
    ("blocklist", ""): list_blocked,
    ("blocklist", "item"): change_blocked,
    ("status", "status"): set_about,
    ("status", "privacy"): answer_status_privacy,
    ("w:mex", "query"): answer_mex,
    ("w:qr", "qr"): answer_contact_link,
    ("disappearing_mode", "disappearing_mode"): accept_setting,
}
