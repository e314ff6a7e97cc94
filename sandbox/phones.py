"""The virtual phones: device 0 of every account, a full Signal endpoint that reads, writes and acknowledges."""

from __future__ import annotations

import secrets
import time

import structlog

from sandbox import messages
from sandbox.accounts import Account
from sandbox.activity import Activity, receipt_ids
from sandbox.arrivals import Arrivals
from sandbox.calls import Calls
from sandbox.inbox import Envelope
from sandbox.jid import JID
from sandbox.network import Link, Network
from sandbox.prekeys import take_bundle
from sandbox.profiles import app_state_key, publish_name
from sandbox.retries import read_bundle, retry_count, retry_receipt
from sandbox.signal.errors import DuplicateMessage, SignalError
from sandbox.stanza_kinds import edit_mark, kind_of, media_kind_of
from sandbox.stanzas import new_id, now
from sandbox.wire import Node, Value

KEEP_TRYING = 5  # as whatsmeow: the fifth failure of one message is the last

log = structlog.get_logger()


class Phones:
    """Every phone of the network. What reaches one is handled at once, in the turn of the event loop that brings it."""

    def __init__(self, network: Network, arrivals: Arrivals) -> None:
        self.network = network
        self.inbox = arrivals.inbox
        self.show = arrivals.show
        self.activity = Activity()
        self.calls = Calls(network, arrivals.inbox)
        network.deliver_to_phone = self.receive
        network.on_active = self.welcome

    def receive(self, account: Account, stanza: Node) -> None:
        """A stanza for the phone of an account."""
        if stanza.tag == "message":
            self._receive_message(account, stanza)
        elif stanza.tag == "receipt" and stanza.text("type") == "retry":
            self._repeat(account, stanza)
        elif author := self.network.directory.by_jid(stanza.jid("from")):
            if stanza.tag == "receipt":
                self.activity.note(account, author, stanza.text("type", "delivered"), receipt_ids(stanza))
            elif stanza.tag == "call":
                self.calls.notice(account, author, stanza)
            elif stanza.tag == "chatstate" and stanza.children:
                self.activity.note(account, author, stanza.children[0].tag, [])

    def send(self, account: Account, to: Account, message: messages.Message) -> tuple[str, int]:
        """Send a message of any kind to somebody; returns its id and its time in Unix seconds."""
        id, timestamp = secrets.token_hex(16).upper(), int(time.time())
        chat = to.hidden_address()
        with self.network.store.transaction():
            self.inbox.remember_sent(account.number, id, str(chat), messages.encode(message))
            for device in to.device_numbers():
                if to is not account and not self.network.preferences.blocks(to, account):
                    self._send(
                        account, to.hidden_address(device), self._message(account, id, timestamp, message), message
                    )
            copy = messages.for_own_devices(message, str(chat))
            for device in account.devices:
                stanza = self._message(account, id, timestamp, message)
                stanza.attrs |= {"recipient": chat, "peer_recipient_pn": to.address()}
                self._send(account, account.hidden_address(device), stanza, copy)
            self.network.endpoints.save(account)
        return id, timestamp

    def welcome(self, link: Link) -> None:
        """Give a device that is there for the first time the keys of the account's app state."""
        account, device = link.account, link.device
        if device.keys_shared:
            return
        publish_name(self.network, account)
        device.keys_shared = True
        self.network.store.save_device(account, device)
        self._share_keys(account, device.number)

    def tell_own_devices(self, account: Account, message: messages.Message) -> None:
        """Send all linked devices something that is between the account's devices and nothing to show."""
        with self.network.store.transaction():
            for device in account.devices:
                self._send_peer(account, device, message)
            self.network.endpoints.save(account)

    def _share_keys(self, account: Account, device: int) -> None:
        key = app_state_key(self.network, account)
        message = messages.key_share([(key.key_id, key.key_data)], timestamp=int(time.time() * 1000))
        with self.network.store.transaction():
            self._send_peer(account, device, message)
            self.network.endpoints.save(account)

    def _send_peer(self, account: Account, device: int, message: messages.Message) -> None:
        attrs: dict[str, Value] = {
            "from": account.address(),
            "id": new_id(),
            "type": "text",
            "category": "peer",
            "t": now(),
        }
        self._send(account, account.hidden_address(device), Node("message", attrs), message)

    def read(self, account: Account, chat: Account, ids: list[str] | None) -> list[str]:
        """Open a chat: mark its messages as read and tell their sender; returns the ids that were unread."""
        marked = self.inbox.mark_read(account.number, str(chat.address()), ids)
        if marked:
            self._send_receipt(account, chat, marked, "read")
        return marked

    def type(self, account: Account, to: Account, typing: bool) -> None:
        """Begin or stop typing."""
        state = Node("composing" if typing else "paused")
        self.network.tell(to, Node("chatstate", {"from": account.hidden_address()}, [state]))

    def _receive_message(self, account: Account, stanza: Node) -> None:
        sender = stanza.jid("from")
        author = self.network.directory.by_jid(sender)
        enc = stanza.child("enc")
        if sender is None or author is None or enc is None:
            return
        endpoint = self.network.endpoints.of(account)
        address = str(author.hidden_address(sender.device))
        with self.network.store.transaction():
            try:
                plaintext = endpoint.decrypt(address, enc.text("type"), enc.data)
                message, destination = messages.from_own_device(messages.decode(plaintext))
            except DuplicateMessage:
                log.info("phone_got_duplicate", account=account.number, id=stanza.text("id"))
                return
            except (SignalError, messages.InvalidContent) as error:
                log.warning("phone_cannot_decrypt", account=account.number, id=stanza.text("id"), error=repr(error))
                self._ask_again(account, author, sender, stanza)
                return
            finally:
                self.network.endpoints.save(account)
            if message.protocolMessage.HasField("appStateSyncKeyRequest") and author is account:
                self._share_keys(account, sender.device)
            chat = self.network.directory.by_jid(JID.parse(destination)) if destination else author
            self.show(account, _envelope(stanza, author, chat or author), message, mine=author is account)
        if author is not account:
            self._send_receipt(account, author, [stanza.text("id")], None)

    def _ask_again(self, account: Account, author: Account, sender: JID, stanza: Node) -> None:
        """Show that something came and ask its sender for another copy, with the keys for a new session."""
        self.inbox.add_undecryptable(account.number, _envelope(stanza, author, author))
        count = retry_count(stanza) + 1
        if count >= KEEP_TRYING:
            return
        bundle = self.network.endpoints.of(account).bundle()
        receipt = retry_receipt(stanza, account.hidden_address(), count, bundle)
        self.network.deliver(author.hidden_address(sender.device), receipt)

    def _repeat(self, account: Account, receipt: Node) -> None:
        """A device could not read what the phone sent: send it once more, in a new session."""
        asker = receipt.jid("from")
        owner = self.network.directory.by_jid(asker)
        sent = self.inbox.find_sent(account.number, receipt.text("id"))
        if asker is None or owner is None or sent is None:
            return
        chat, plaintext = self.network.directory.by_jid(JID.parse(sent[0])), sent[1]
        if chat is None:
            return
        message = messages.decode(plaintext)
        stanza = self._message(account, receipt.text("id"), int(time.time()), message)
        if owner is account:
            message = messages.for_own_devices(message, sent[0])
            stanza.attrs |= {"recipient": chat.hidden_address(), "peer_recipient_pn": chat.address()}
        to = owner.hidden_address(asker.device)
        bundle = read_bundle(receipt) or take_bundle(self.network, owner, asker.device)
        with self.network.store.transaction():
            if bundle:
                self.network.endpoints.of(account).open_session(str(to), bundle)
            self._send(account, to, stanza, message, count=retry_count(receipt))
            self.network.endpoints.save(account)

    def _message(self, account: Account, id: str, timestamp: int, message: messages.Message) -> Node:
        attrs: dict[str, Value] = {
            "from": account.hidden_address(),
            "sender_pn": account.address(),
            "id": id,
            "type": kind_of(message),
            "t": str(timestamp),
            "notify": account.push_name,
        }
        if edit := edit_mark(message):
            attrs["edit"] = edit
        return Node("message", attrs)

    def seal(self, account: Account, to: JID, message: messages.Message, count: int = 0) -> Node | None:
        """Encrypt for one device; None for a device that has no keys (any more)."""
        endpoint = self.network.endpoints.of(account)
        if not endpoint.has_session(str(to)):
            owner = self.network.directory.by_jid(to)
            bundle = take_bundle(self.network, owner, to.device) if owner else None
            if bundle is None:
                return None
            endpoint.open_session(str(to), bundle)
        kind, ciphertext = endpoint.encrypt(str(to), messages.encode(message))
        if not count and self.network.faults.take_garble(account.number):
            ciphertext = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
        attrs: dict[str, Value] = {"v": "2", "type": kind}
        if media := media_kind_of(messages.from_own_device(message)[0]):
            attrs["mediatype"] = media
        if count:
            attrs["count"] = str(count)
        return Node("enc", attrs, ciphertext)

    def _send(self, account: Account, to: JID, stanza: Node, message: messages.Message, count: int = 0) -> None:
        """Encrypt for one device and deliver; a device that has no keys (any more) gets nothing."""
        enc = self.seal(account, to, message, count)
        if enc:
            stanza.content = [enc]
            self.network.deliver(to, stanza)

    def _send_receipt(self, account: Account, to: Account, ids: list[str], kind: str | None) -> None:
        attrs: dict[str, Value] = {"from": account.hidden_address(), "id": ids[0], "t": now()}
        if kind:
            attrs["type"] = kind
        items = [Node("item", {"id": id}) for id in ids[1:]]
        receipt = Node("receipt", attrs, [Node("list", {}, items)] if items else None)
        for device in to.device_numbers():
            self.network.deliver(to.hidden_address(device), receipt)


def _envelope(stanza: Node, author: Account, chat: Account) -> Envelope:
    return Envelope(
        id=stanza.text("id"),
        chat=str(chat.address()),
        sender=str(author.address()),
        sender_lid=str(author.hidden_address()),
        timestamp=int(stanza.text("t") or now()),
    )
