"""neonize's protobufs as events: names, ids, and what is no message at all."""

import pytest
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
    DocumentMessage,
    ExtendedTextMessage,
    ImageMessage,
    Message,
    MessageContextInfo,
    ProtocolMessage,
    SenderKeyDistributionMessage,
)

from flashapi.events import MessageReceived, MessageStatus, PresenceUpdate
from workers import from_whatsapp

ALICE = "5511987654321"


def jid(user: str, server: str) -> wire.JID:
    return wire.JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False)


PHONE, LID, ME = jid(ALICE, "s.whatsapp.net"), jid("1234", "lid"), jid("777", "lid")


def received(message: Message, *, source: wire.MessageSource | None = None, category: str = "") -> bytes:
    source = source or wire.MessageSource(Chat=LID, Sender=LID, SenderAlt=PHONE, IsFromMe=False, IsGroup=False)
    info = wire.MessageInfo(
        MessageSource=source, ID="ABC", Pushname="Alice", Timestamp=1_795_000_000_123, Category=category
    )
    return bytes(wire.Message(Info=info, Message=message).SerializePartialToString())


def event_of(message: Message, **options: object) -> MessageReceived:
    (event,) = from_whatsapp.message_events(received(message, **options))  # type: ignore[arg-type]
    assert isinstance(event, MessageReceived)
    return event


@pytest.mark.parametrize(
    ("whatsmeow", "baileys"),
    [
        ("JPEGThumbnail", "jpegThumbnail"),
        ("fileEncSHA256", "fileEncSha256"),
        ("mentionedJID", "mentionedJid"),
        ("stanzaID", "stanzaId"),
        ("URL", "url"),
        ("PTT", "ptt"),
        ("pollCreationMessageV3", "pollCreationMessageV3"),
        ("conversation", "conversation"),
    ],
)
def test_names_are_spelled_as_the_original_spells_them(whatsmeow: str, baileys: str) -> None:
    assert from_whatsapp.json_name(whatsmeow) == baileys


def test_a_text_has_the_seeds_flat_fields_and_both_ids() -> None:
    data = event_of(Message(conversation="oi")).data()
    assert data["id"] == "ABC"
    assert data["from"] == f"{ALICE}@s.whatsapp.net"  # not the LID it came by
    assert data["timestamp"] == 1_795_000_000  # seconds
    assert (data["type"], data["content"]) == ("conversation", "oi")
    assert (data["sender"], data["senderLid"]) == (f"{ALICE}@s.whatsapp.net", "1234@lid")
    assert data["message"]["key"] == {"remoteJid": f"{ALICE}@s.whatsapp.net", "fromMe": False, "id": "ABC"}
    assert data["message"]["message"] == {"conversation": "oi"}


def test_a_message_of_the_own_phone_is_named_after_the_other_one() -> None:
    source = wire.MessageSource(Chat=LID, Sender=ME, RecipientAlt=PHONE, IsFromMe=True, IsGroup=False)
    event = event_of(Message(conversation="oi"), source=source)
    assert event.from_me
    assert event.chat == f"{ALICE}@s.whatsapp.net"


def test_a_group_message_names_its_participant() -> None:
    group = jid("120363000000000001", "g.us")
    source = wire.MessageSource(Chat=group, Sender=LID, SenderAlt=PHONE, IsFromMe=False, IsGroup=True)
    data = event_of(Message(conversation="oi"), source=source).data()
    assert data["from"] == "120363000000000001@g.us"
    assert data["isGroup"] is True
    assert data["message"]["key"]["participant"] == f"{ALICE}@s.whatsapp.net"


@pytest.mark.parametrize(
    ("message", "kind", "content"),
    [
        (Message(extendedTextMessage=ExtendedTextMessage(text="longo")), "extendedTextMessage", "longo"),
        (Message(imageMessage=ImageMessage(caption="foto")), "imageMessage", "foto"),
        (Message(documentMessage=DocumentMessage(caption="nota")), "documentMessage", "nota"),
    ],
)
def test_content_is_the_text_or_caption(message: Message, kind: str, content: str) -> None:
    event = event_of(message)
    assert (event.kind, event.content) == (kind, content)


@pytest.mark.parametrize(
    "message",
    [
        Message(),
        Message(messageContextInfo=MessageContextInfo()),
        Message(senderKeyDistributionMessage=SenderKeyDistributionMessage(groupID="1@g.us")),
        Message(protocolMessage=ProtocolMessage(type=ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE)),
    ],
)
def test_key_material_and_metadata_are_no_messages(message: Message) -> None:
    assert from_whatsapp.message_events(received(message)) == []


def test_what_the_own_phone_tells_this_device_is_no_message() -> None:
    assert from_whatsapp.message_events(received(Message(conversation="x"), category="peer")) == []


def test_a_distribution_beside_content_does_not_hide_it() -> None:
    both = Message(conversation="oi", senderKeyDistributionMessage=SenderKeyDistributionMessage(groupID="1@g.us"))
    assert event_of(both).kind == "conversation"


@pytest.mark.parametrize(
    ("kind", "status", "from_me"),
    [
        ("DELIVERED", MessageStatus.DELIVERED, True),
        ("INACTIVE", MessageStatus.DELIVERED, True),
        ("READ", MessageStatus.READ, True),
        ("PLAYED", MessageStatus.PLAYED, True),
        ("READ_SELF", MessageStatus.READ, False),
    ],
)
def test_receipts(kind: str, status: MessageStatus, from_me: bool) -> None:
    source = wire.MessageSource(Chat=LID, Sender=LID, IsFromMe=kind == "READ_SELF", IsGroup=False)
    raw = wire.Receipt(
        MessageSource=source, MessageIDs=["A", "B"], Type=wire.Receipt.ReceiptType.Value(kind)
    ).SerializePartialToString()
    updates = from_whatsapp.receipt_updates(raw)
    assert [(update.id, update.status, update.from_me) for update in updates] == [
        ("A", status, from_me),
        ("B", status, from_me),
    ]


@pytest.mark.parametrize("kind", ["RETRY", "SENDER", "PEER_MSG", "SERVER_ERROR", "HISTORY_SYNC"])
def test_receipts_about_other_things_are_no_updates(kind: str) -> None:
    source = wire.MessageSource(Chat=LID, Sender=LID, IsFromMe=False, IsGroup=False)
    raw = wire.Receipt(
        MessageSource=source, MessageIDs=["A"], Type=wire.Receipt.ReceiptType.Value(kind)
    ).SerializePartialToString()
    assert from_whatsapp.receipt_updates(raw) == []


def test_typing_and_recording() -> None:
    def presence(state: str, media: str) -> str:
        source = wire.MessageSource(Chat=LID, Sender=LID, SenderAlt=PHONE, IsFromMe=False, IsGroup=False)
        raw = wire.ChatPresence(
            MessageSource=source,
            State=wire.ChatPresence.ChatPresence.Value(state),
            Media=wire.ChatPresence.ChatPresenceMedia.Value(media),
        ).SerializePartialToString()
        (event,) = from_whatsapp.chat_presence_events(raw)
        assert isinstance(event, PresenceUpdate)
        return event.presence

    assert presence("COMPOSING", "TEXT") == "composing"
    assert presence("COMPOSING", "AUDIO") == "recording"
    assert presence("PAUSED", "TEXT") == "paused"
