"""Votes, edits, revocations, unreadable messages, calls, history: each told once, and only by those entitled to it."""

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waCommon.WACommon_pb2 import MessageKey
from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
    Message,
    PollCreationMessage,
    PollEncValue,
    PollUpdateMessage,
    PollVoteMessage,
    ProtocolMessage,
)

from flashapi import bus
from flashapi.connections import Connections
from flashapi.models.chats import chats, poll_votes
from flashapi.models.groups import groups
from flashapi.models.messages import messages
from flashapi.models.sessions import sessions
from flashapi.settings import PHONE_NAMES, Settings
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import Journal
from workers.live_session import _device_props
from workers.poll_votes import seal_key

BOB = wire.JID(User="5511987654321", Server="s.whatsapp.net", RawAgent=0, Device=0, Integrator=0, IsEmpty=False)
BOB_LID = wire.JID(User="2002", Server="lid", RawAgent=0, Device=0, Integrator=0, IsEmpty=False)
CAROL_LID = wire.JID(User="3003", Server="lid", RawAgent=0, Device=0, Integrator=0, IsEmpty=False)
GROUP = wire.JID(User="120363000000000001", Server="g.us", RawAgent=0, Device=0, Integrator=0, IsEmpty=False)
BOB_CHAT = "5511987654321@s.whatsapp.net"
MOMENT = 1_760_000_000


def info(message_id: str, *, group: bool = False, sender: wire.JID = BOB_LID, alt: wire.JID | None = BOB) -> Any:
    source = wire.MessageSource(Chat=GROUP if group else sender, Sender=sender, IsFromMe=False, IsGroup=group)
    if alt is not None:
        source.SenderAlt.CopyFrom(alt)
    return wire.MessageInfo(MessageSource=source, ID=message_id, Pushname="Bob", Timestamp=MOMENT * 1_000)


def received(message_id: str, message: Message, **where: Any) -> tuple[type, bytes]:
    event = wire.Message(Info=info(message_id, **where), Message=message)
    return wire.Message, bytes(event.SerializePartialToString())


def protocol(kind: str, target: str, edited: Message | None = None) -> Message:
    key = MessageKey(ID=target, fromMe=True)
    what = ProtocolMessage(key=key, type=ProtocolMessage.Type.Value(kind), editedMessage=edited)
    return Message(protocolMessage=what)


class Line:
    """What a session receives, stored; each event twice, as after a crash."""

    def __init__(self, connections: Connections, session_id: str, folder: Path) -> None:
        self.connections, self.session_id, self.folder = connections, session_id, folder

    def take(self, *events: tuple[type, bytes]) -> None:
        for _ in range(2):
            journal = Journal(self.folder)
            inbound = Inbound(self.connections, journal)
            for kind, raw in events:
                inbound.receive(self.session_id, CODES[kind], raw)
            inbound.close(10)
            journal.close()

    def told(self, name: str) -> list[Any]:
        with self.connections.reading() as connection:
            found = bus.after(connection, 0, 1_000, self.session_id)
        return [event.data for event in found if event.name == name]

    def row(self, message_id: str) -> Any:
        with self.connections.reading() as connection:
            return connection.execute(sa.select(messages).where(messages.c.message_id == message_id)).one()


@pytest.fixture
def line(connections: Connections, session_id: str, tmp_path: Path) -> Line:
    return Line(connections, session_id, tmp_path / "journal")


def test_an_edit_changes_the_message_once(line: Line) -> None:
    line.take(received("A", Message(conversation="errado")))
    line.take(received("B", protocol("MESSAGE_EDIT", "A", Message(conversation="certo"))))
    (update,) = line.told("message_update")
    assert (update["id"], update["edited"], update["content"]) == ("A", True, "certo")
    assert Message.FromString(line.row("A").raw).conversation == "certo"
    assert line.row("A").edited_at is not None


def test_nobody_edits_what_somebody_else_wrote(line: Line) -> None:
    line.take(received("A", Message(conversation="de bob"), group=True))
    line.take(
        received("B", protocol("MESSAGE_EDIT", "A", Message(conversation="x")), group=True, sender=CAROL_LID, alt=None)
    )
    line.take(received("C", protocol("REVOKE", "A"), sender=CAROL_LID, alt=None))  # in another chat
    assert line.told("message_update") == []
    assert Message.FromString(line.row("A").raw).conversation == "de bob"


def test_a_revocation_is_told_once_and_ends_edits(line: Line) -> None:
    line.take(received("A", Message(conversation="ops")), received("B", protocol("REVOKE", "A")))
    line.take(received("C", protocol("MESSAGE_EDIT", "A", Message(conversation="tarde demais"))))
    (update,) = line.told("message_update")
    assert (update["revoked"], update["by"], update["byLid"]) == (True, BOB_CHAT, "2002@lid")
    assert line.row("A").revoked_at is not None


@pytest.mark.parametrize(
    ("admin", "revoked"), [("admin", True), ("superadmin", True), (None, False), ("unknown group", False)]
)
def test_only_an_admin_takes_back_what_others_wrote_in_a_group(line: Line, admin: str | None, revoked: bool) -> None:
    if admin != "unknown group":
        columns = {"session_id": line.session_id, "jid": f"{GROUP.User}@g.us", "subject": "x"}
        people = [{"jid": None, "lid": "3003@lid", "admin": admin}, {"jid": BOB_CHAT, "lid": None, "admin": None}]
        with line.connections.transaction() as connection:
            connection.execute(groups.insert(), {**columns, "participants": people, "created_at": 1, "updated_at": 1})
    line.take(received("A", Message(conversation="de bob"), group=True))
    line.take(received("B", protocol("REVOKE", "A"), group=True, sender=CAROL_LID, alt=None))
    assert [update["byLid"] for update in line.told("message_update")] == (["3003@lid"] if revoked else [])
    assert (line.row("A").revoked_at is not None) is revoked


def test_a_member_of_a_group_takes_back_what_he_wrote(line: Line) -> None:
    line.take(received("A", Message(conversation="ops"), group=True))
    line.take(received("B", protocol("REVOKE", "A"), group=True, alt=None))
    assert [update["id"] for update in line.told("message_update")] == ["A"]


def test_what_was_unreadable_is_recovered(line: Line) -> None:
    broken = wire.UndecryptableMessage(Info=info("A"), IsUnavailable=False)
    unread = (wire.UndecryptableMessage, bytes(broken.SerializePartialToString()))
    line.take(unread, unread)
    assert line.row("A").type == "undecryptable"
    line.take(received("A", Message(conversation="inteira")))
    line.take(unread)
    assert len(line.told("message_undecryptable")) == 1
    (message,) = line.told("message_received")
    assert (message["recovered"], message["content"]) == (True, "inteira")
    with line.connections.reading() as connection:
        chat = connection.execute(sa.select(chats)).one()
    assert (chat.jid, chat.unread, chat.name) == (BOB_CHAT, 1, "Bob")


@pytest.mark.parametrize("names", [("1001@lid", "2002@lid"), ("5511900000001@s.whatsapp.net", BOB_CHAT)])
def test_a_vote_opens_under_either_name_of_both(line: Line, names: tuple[str, str]) -> None:
    secret = os.urandom(32)
    poll = PollCreationMessage(name="?", options=[PollCreationMessage.Option(optionName=o) for o in ("sim", "não")])
    ours = Message(pollCreationMessage=poll)
    ours.messageContextInfo.messageSecret = secret
    with line.connections.transaction() as connection:
        connection.execute(sessions.update().values(phone="5511900000001", lid="1001@lid"))
        connection.execute(
            messages.insert(),
            {
                "session_id": line.session_id, "chat": BOB_CHAT, "sender": "1001@lid", "message_id": "POLL",
                "from_me": True, "type": "pollCreationMessage", "content": "{}", "raw": ours.SerializeToString(),
                "status": "sent", "timestamp": MOMENT, "created_at": 1,
            },
        )  # fmt: skip

    def vote(message_id: str, *options: str, at: int) -> tuple[type, bytes]:
        chosen = PollVoteMessage(selectedOptions=[hashlib.sha256(option.encode()).digest() for option in options])
        iv = os.urandom(12)
        key = seal_key(secret, "POLL", *names)
        sealed = AESGCM(key).encrypt(iv, chosen.SerializeToString(), f"POLL\0{names[1]}".encode())
        update = PollUpdateMessage(
            pollCreationMessageKey=MessageKey(ID="POLL", fromMe=False),
            vote=PollEncValue(encPayload=sealed, encIV=iv),
            senderTimestampMS=at,
        )
        return received(message_id, Message(pollUpdateMessage=update))

    line.take(vote("V2", "não", at=2_000), vote("V1", "sim", at=1_000))  # the older one comes late
    votes = line.told("message_received")
    assert [each["vote"]["options"] for each in votes] == [["não"], ["sim"]]
    assert votes[0]["message"]["message"]["PollVote"] == "não"
    with line.connections.reading() as connection:
        counted = connection.execute(sa.select(poll_votes)).one()
    assert (counted.voter, counted.voter_lid, counted.options) == (BOB_CHAT, "2002@lid", ["não"])


def test_a_vote_in_an_unknown_poll_says_so(line: Line) -> None:
    update = PollUpdateMessage(pollCreationMessageKey=MessageKey(ID="NADA", fromMe=False))
    line.take(received("V", Message(pollUpdateMessage=update)))
    (message,) = line.told("message_received")
    assert message["vote"] == {"pollId": "NADA", "options": None}


def test_each_step_of_a_call_is_told_once(line: Line) -> None:
    def step(kind: type, **fields: Any) -> tuple[type, bytes]:
        meta = wire.BasicCallMeta(callCreator=BOB_LID, callCreatorAlt=BOB, timestamp=MOMENT, callID="CALL")
        getattr(meta, "from").CopyFrom(BOB_LID)
        return kind, bytes(kind(basicCallMeta=meta, **fields).SerializePartialToString())

    line.take(step(wire.CallOffer), step(wire.CallTerminate, reason="timeout"), step(wire.CallOffer))
    assert [data[0]["status"] for data in line.told("call")] == ["offer", "terminate"]
    assert line.told("call")[0][0]["from"] == BOB_CHAT


def test_key_distributions_and_peer_messages_are_nothing(line: Line) -> None:
    keys = Message()
    keys.senderKeyDistributionMessage.groupID = "120363000000000001@g.us"
    peer = wire.Message(Info=info("P"), Message=Message(conversation="entre aparelhos"))
    peer.Info.Category = "peer"
    line.take(received("K", keys, group=True), (wire.Message, bytes(peer.SerializePartialToString())))
    both = Message(conversation="oi")
    both.senderKeyDistributionMessage.groupID = "120363000000000001@g.us"
    line.take(received("K", both, group=True))
    assert Counter(data["id"] for data in line.told("message_received")) == {"K": 1}
    assert line.told("message_received")[0]["content"] == "oi"


def test_a_session_that_ignores_groups_stores_nothing_of_them(line: Line) -> None:
    with line.connections.transaction() as connection:
        connection.execute(sessions.update().values(ignore_groups=True))
    line.take(received("A", Message(conversation="no grupo"), group=True), received("B", Message(conversation="só eu")))
    assert [data["id"] for data in line.told("message_received")] == ["B"]


def test_a_device_has_its_own_name_where_the_session_gives_one(settings: Settings) -> None:
    class Row:
        browser: str | None = "Firefox"
        device_name: str | None = "Loja"

    own = _device_props(settings, Row)
    assert (own.os, own.platformType) == ("Loja", DeviceProps.FIREFOX)
    Row.browser = Row.device_name = None
    assert _device_props(settings, Row).os == "Flash_api"


def test_the_icons_that_settings_know_are_those_of_the_protocol() -> None:
    assert set(PHONE_NAMES) == set(DeviceProps.PlatformType.keys())
