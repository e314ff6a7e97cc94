"""A linked device's connection from login to its end: check who it is, then hand each stanza to what it concerns."""

from __future__ import annotations

import structlog

from sandbox.calls import handle_call
from sandbox.connection import Connection, ConnectionLost
from sandbox.messaging import handle_ack, handle_chatstate, handle_message, handle_receipt
from sandbox.network import Link, Network
from sandbox.noise import Finished
from sandbox.presences import Presences
from sandbox.queries import handle_iq
from sandbox.stanzas import failure, now, stream_error
from sandbox.wire import Node

LOGGED_OUT = 401
OUTDATED = 405

log = structlog.get_logger()


async def serve_device(network: Network, presences: Presences, connection: Connection, login: Finished) -> None:
    """Look after the connection of a device that says it is linked, until it ends."""
    link = _admit(network, connection, login)
    if link is None:
        await connection.wait_closed()
        return
    key = (link.account.number, link.device.number)
    if older := network.links.get(key):
        older.connection.send(stream_error("", "replaced"))
        older.connection.close_soon()
        presences.leave(older)
    network.links[key] = link
    link.account.logins += 1
    network.store.save_account(link.account)
    connection.send(Node("success", {"t": now(), "lid": link.account.hidden_address(link.device.number)}))
    log.info("device_logged_in", account=link.account.number, device=link.device.number)
    try:
        while True:
            _handle(network, presences, link, await connection.receive())
    except ConnectionLost:
        log.info("device_disconnected", account=link.account.number, device=link.device.number)
    finally:
        link.active = False
        presences.leave(link)
        if network.links.get(key) is link:
            del network.links[key]


def _admit(network: Network, connection: Connection, login: Finished) -> Link | None:
    """The device the client is, or None after refusing it."""
    number = str(login.payload.username)
    account = network.directory.by_number(number)
    device = account.devices.get(login.payload.device) if account else None
    connection.number = number
    if network.faults.is_down(number):
        connection.abort()
    elif account is None or device is None or device.noise_key != login.client_static:
        connection.send(failure(LOGGED_OUT))
        connection.close_soon()
    elif network.faults.is_outdated(number):
        connection.send(failure(OUTDATED))
        connection.close_soon()
    else:
        return Link(connection, account, device)
    return None


def _handle(network: Network, presences: Presences, link: Link, node: Node) -> None:
    match node.tag:
        case "iq":
            handle_iq(network, link, node)
        case "message":
            handle_message(network, link, node)
        case "receipt":
            handle_receipt(network, link, node)
        case "ack":
            handle_ack(network, link, node)
        case "chatstate":
            handle_chatstate(network, link, node)
        case "call":
            handle_call(network, link, node)
        case "presence":
            presences.handle(link, node)
        case "ib":
            return  # Intentionally ignored: telemetry
        case _:
            log.info("stanza_ignored", tag=node.tag, account=link.account.number)
