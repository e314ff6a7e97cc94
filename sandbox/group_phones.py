"""The virtual phones as members of groups: they write, read and acknowledge there, and notice what changes."""

from __future__ import annotations

import secrets
import time

import structlog

from sandbox import messages
from sandbox.accounts import Account
from sandbox.activity import receipt_ids
from sandbox.group_messaging import (
    deliver_copies,
    list_group_devices,
    message_attributes,
    receipt_attributes,
    tell_typing,
)
from sandbox.groups import Group
from sandbox.inbox import Envelope
from sandbox.jid import JID
from sandbox.phones import KEEP_TRYING, Phones
from sandbox.prekeys import take_bundle
from sandbox.protobufs import e2e
from sandbox.retries import read_bundle, retry_count, retry_receipt
from sandbox.signal.errors import DuplicateMessage, SignalError
from sandbox.stanza_kinds import edit_mark, kind_of, media_kind_of
from sandbox.stanzas import now
from sandbox.wire import Node, Value

log = structlog.get_logger()


class GroupPhones:
    """Takes what reaches the phones out of groups; all the rest goes on to `phones`."""

    def __init__(self, phones: Phones) -> None:
        self.phones = phones
        self.network = phones.network
        self.inbox = phones.inbox
        self.activity = phones.activity
        self.network.deliver_to_phone = self.receive

    def receive(self, account: Account, stanza: Node) -> None:
        """A stanza for the phone of an account."""
        group = self.network.groups.by_jid(stanza.jid("from"))
        sender = stanza.jid("participant")
        author = self.network.directory.by_jid(sender)
        if group is None:
            self.phones.receive(account, stanza)
        elif sender is None or author is None:
            log.warning("phone_got_nameless_stanza", account=account.number, tag=stanza.tag)
        elif stanza.tag == "message":
            self._receive_message(account, group, author, sender, stanza)
        elif stanza.tag == "receipt" and stanza.text("type") == "retry":
            self._repeat(account, group, author, sender, stanza)
        else:
            self._notice(account, group, author, stanza)

    def send(self, account: Account, group: Group, message: messages.Message) -> tuple[str, int]:
        """Write to a group the phone is in; returns the message's id and its time in Unix seconds."""
        id, timestamp = secrets.token_hex(16).upper(), int(time.time())
        address, devices = str(group.jid), list_group_devices(self.network, group)
        keys = self.network.endpoints.sender_keys_of(account)
        with self.network.store.transaction():
            self.inbox.remember_sent(account.number, id, address, messages.encode(message))
            readers = [device for device in devices if device != account.hidden_address()]
            lacking = keys.lacking(address, map(str, readers))
            shared: dict[JID, list[Node]] = {}
            if lacking:
                distribution = _key_message(address, keys.distribution(address, lacking))
                for device in readers:
                    if str(device) in lacking and (enc := self.phones.seal(account, device, distribution)):
                        shared[device] = [enc]
            attrs: dict[str, Value] = {"v": "2", "type": "skmsg"}
            if media := media_kind_of(message):
                attrs["mediatype"] = media
            ciphertext = Node("enc", attrs, keys.encrypt(address, messages.encode(message)))
            stanza = self._stanza(account, group, id, timestamp, message)
            stanza.content = [ciphertext]
            deliver_copies(self.network, group, stanza, shared, devices)
            self.network.endpoints.save(account)
        return id, timestamp

    def read(self, account: Account, group: Group, ids: list[str] | None) -> list[str]:
        """Open the group: mark its messages as read and tell each author; returns the ids that were unread."""
        authors = self.inbox.unread_authors(account.number, str(group.jid))
        marked = self.inbox.mark_read(account.number, str(group.jid), ids)
        by_author: dict[str, list[str]] = {}
        for id in marked:
            by_author.setdefault(authors[id], []).append(id)
        for address, read in by_author.items():
            if author := self.network.directory.by_jid(JID.parse(address)):
                self._send_receipt(account, group, author, read, "read")
        return marked

    def type(self, account: Account, group: Group, typing: bool) -> None:
        """Begin or stop typing."""
        tell_typing(self.network, group, account, [Node("composing" if typing else "paused")])

    def _receive_message(self, account: Account, group: Group, author: Account, sender: JID, stanza: Node) -> None:
        envelope = Envelope(
            id=stanza.text("id"),
            chat=str(group.jid),
            sender=str(author.address()),
            sender_lid=str(author.hidden_address()),
            timestamp=int(stanza.text("t") or now()),
        )
        with self.network.store.transaction():
            try:
                for enc in stanza.children:
                    if enc.tag == "enc" and (message := self._decrypt(account, group, author, sender, enc)):
                        self.phones.show(account, envelope, message, mine=author is account)
            except (SignalError, messages.InvalidContent) as error:
                log.warning("phone_cannot_decrypt", account=account.number, id=envelope.id, error=repr(error))
                self._ask_again(account, group, author, sender, stanza, envelope)
                return
            finally:
                self.network.endpoints.save(account)
        if author is not account:
            self._send_receipt(account, group, author, [envelope.id], "")

    def _decrypt(
        self, account: Account, group: Group, author: Account, sender: JID, enc: Node
    ) -> messages.Message | None:
        """The content of one ciphertext, after taking the sender key out of it; None for one that came before."""
        address, kind = str(author.hidden_address(sender.device)), enc.text("type")
        keys = self.network.endpoints.sender_keys_of(account)
        try:
            if kind == "skmsg":
                return messages.decode(keys.decrypt(str(group.jid), address, enc.data))
            plaintext = self.network.endpoints.of(account).decrypt(address, kind, enc.data)
        except DuplicateMessage:
            log.info("phone_got_duplicate", account=account.number, group=group.id)
            return None
        message = messages.decode(plaintext)
        if message.HasField("senderKeyDistributionMessage"):
            distribution = message.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage
            keys.learn(str(group.jid), address, distribution)
            message.ClearField("senderKeyDistributionMessage")
        return message

    def _ask_again(
        self, account: Account, group: Group, author: Account, sender: JID, stanza: Node, envelope: Envelope
    ) -> None:
        """Show that something came and ask the device that wrote it for another copy."""
        self.inbox.add_undecryptable(account.number, envelope)
        count = retry_count(stanza) + 1
        if count >= KEEP_TRYING:
            return
        bundle = self.network.endpoints.of(account).bundle()
        receipt = retry_receipt(stanza, account.hidden_address(), count, bundle)
        receipt.attrs |= receipt_attributes(group, account, 0, envelope.id, "retry")
        self.network.deliver(author.hidden_address(sender.device), receipt)

    def _repeat(self, account: Account, group: Group, owner: Account, asker: JID, receipt: Node) -> None:
        """A device could not read what the phone wrote: send it once more, to that device alone and with the key."""
        sent = self.inbox.find_sent(account.number, receipt.text("id"))
        to = owner.hidden_address(asker.device)
        if sent is None or to not in list_group_devices(self.network, group):
            return
        address = str(group.jid)
        keys = self.network.endpoints.sender_keys_of(account)
        bundle = read_bundle(receipt) or take_bundle(self.network, owner, asker.device)
        with self.network.store.transaction():
            if bundle:
                self.network.endpoints.of(account).open_session(str(to), bundle)
            message = messages.decode(sent[1])
            keys.lacking(address, [str(device) for device in list_group_devices(self.network, group)])
            message.MergeFrom(_key_message(address, keys.distribution(address, [str(to)])))
            if enc := self.phones.seal(account, to, message, count=retry_count(receipt)):
                stanza = self._stanza(account, group, receipt.text("id"), int(time.time()), message)
                stanza.content = [enc]
                self.network.deliver(to, stanza)
            self.network.endpoints.save(account)

    def _notice(self, account: Account, group: Group, author: Account, stanza: Node) -> None:
        """Note a receipt, typing or a change of the group (`group_add`, `group_subject`, ...)."""
        if stanza.tag == "receipt":
            kind = stanza.text("type", "delivered")
            self.activity.note(account, author, kind, receipt_ids(stanza), chat=group.jid)
        elif stanza.tag == "chatstate" and stanza.children:
            self.activity.note(account, author, stanza.children[0].tag, [], chat=group.jid)
        elif stanza.tag == "notification":
            for change in stanza.children:
                people = [child.text("phone_number") for child in change.children if child.tag == "participant"]
                self.activity.note(account, author, f"group_{change.tag}", people, chat=group.jid)

    def _stanza(self, account: Account, group: Group, id: str, timestamp: int, message: messages.Message) -> Node:
        stanza = Node("message", message_attributes(group, account, 0, id, kind_of(message), str(timestamp)))
        if edit := edit_mark(message):
            stanza.attrs["edit"] = edit
        return stanza

    def _send_receipt(self, account: Account, group: Group, to: Account, ids: list[str], kind: str) -> None:
        items = [Node("item", {"id": id}) for id in ids[1:]]
        attrs = receipt_attributes(group, account, 0, ids[0], kind)
        receipt = Node("receipt", attrs, [Node("list", {}, items)] if items else None)
        for device in to.device_numbers():
            self.network.deliver(to.hidden_address(device), receipt)


def _key_message(group: str, distribution: bytes) -> messages.Message:
    """A message that carries nothing but a sender key."""
    key = e2e.SenderKeyDistributionMessage(groupID=group, axolotlSenderKeyDistributionMessage=distribution)
    return e2e.Message(senderKeyDistributionMessage=key)
