"""What a session does by itself, each option doing what it says; and calls, history, messages unreadable at first."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

EVENTS = ["message_received", "message_update", "chats_update", "call", "messaging_history_set",
          "message_undecryptable"]  # fmt: skip
ALICE, BOB, CAROL = "5511966660001", "5511966660002", "5511966660003"


@pytest.fixture(scope="module")
def session(installation: Installation) -> Session:
    return installation.paired("reage-sozinha", installation.phone(ALICE, "Alice"))


@pytest.fixture(scope="module")
def bob(installation: Installation) -> Phone:
    return installation.phone(BOB, "Bob")


@pytest.fixture
def socket(session: Session) -> Iterator[SocketListener]:
    with SocketListener(session.installation.base, session.key, events=EVENTS) as listening:
        yield listening


def configure(session: Session, **options: Any) -> dict[str, Any]:
    changed = session.api("PUT", "/api/config/config", options)
    return dict(changed["data"]["currentConfig"])


def test_calls_are_refused_with_a_text(session: Session, bob: Phone, socket: SocketListener) -> None:
    configure(session, rejectCalls=True, msg_rejectCalls="Não atendemos ligações")
    call = bob.do("call", to=ALICE, video=True)["callId"]
    offer = socket.wait_event("call", lambda data: data[0]["id"] == call and data[0]["status"] == "offer")
    assert offer["data"][0] | {"date": None} == {
        "chatId": bob.jid, "from": bob.jid, "fromLid": bob.lid, "id": call, "date": None, "offline": False,
        "status": "offer", "isVideo": True, "isGroup": False,
    }  # fmt: skip
    socket.wait_event("call", lambda data: data[0]["id"] == call and data[0]["status"] == "reject")
    wait_until(
        lambda: [e for e in bob.inbox() if e["type"] == "call_rejected" and e["target"] == call], "bob is refused"
    )
    bob.wait_text("Não atendemos ligações")


def test_calls_ring_when_they_are_not_refused(session: Session, bob: Phone, socket: SocketListener) -> None:
    configure(session, rejectCalls=False)
    call = bob.do("call", to=ALICE)["callId"]
    socket.wait_event("call", lambda data: data[0]["id"] == call and data[0]["status"] == "offer")
    bob.do("hangup", callId=call)
    socket.wait_event("call", lambda data: data[0]["id"] == call and data[0]["status"] == "terminate")
    steps = [frame["data"][0]["status"] for frame in socket.events("call") if frame["data"][0]["id"] == call]
    assert steps == ["offer", "terminate"]


def test_messages_are_read_by_themselves(session: Session, bob: Phone, socket: SocketListener) -> None:
    configure(session, autoRead=True)
    sent = bob.do("send", to=ALICE, text="leia sozinha")["id"]
    socket.wait_event("message_received", lambda data: data["id"] == sent)
    wait_until(
        lambda: session.api("GET", f"/api/chat/messages/{sent}")["data"]["status"] == "read", "the message is read"
    )
    socket.wait_event("chats_update", lambda data: {"id": bob.jid, "unreadCount": 0} in data)
    configure(session, autoRead=False)
    later = bob.do("send", to=ALICE, text="não leia")["id"]
    socket.wait_event("message_received", lambda data: data["id"] == later)
    assert session.api("GET", f"/api/chat/messages/{later}")["data"]["status"] == "received"


def test_the_automatic_answer_comes_once_an_hour(session: Session, bob: Phone, socket: SocketListener) -> None:
    configure(session, autoReply=True, autoReplyText="Já vamos responder")
    for number in range(2):
        sent = bob.do("send", to=ALICE, text=f"tem alguém aí? {number}")["id"]
        socket.wait_event("message_received", lambda data, sent=sent: data["id"] == sent)
    bob.wait_text("Já vamos responder")
    configure(session, autoReply=False)
    session.send(BOB, "depois da automática")
    bob.wait_text("depois da automática")
    assert bob.texts().count("Já vamos responder") == 1


def test_groups_can_be_ignored(session: Session, bob: Phone, socket: SocketListener) -> None:
    group = bob.do("groups", subject="Vizinhos", participants=[ALICE])
    jid = group["jid"]
    configure(session, ignoreGroups=True)
    ignored = bob.do("send", to=jid, text="ninguém ouve")["id"]
    after = bob.do("send", to=ALICE, text="depois do grupo")["id"]
    socket.wait_event("message_received", lambda data: data["id"] == after)
    configure(session, ignoreGroups=False)
    heard = bob.do("send", to=jid, text="agora sim")["id"]
    frame = socket.wait_event("message_received", lambda data: data["id"] == heard)
    assert frame["data"]["isGroup"] is True and frame["data"]["sender"] == bob.jid
    assert ignored not in [frame["data"]["id"] for frame in socket.events("message_received")]


def test_everybody_in_a_group_is_mentioned(session: Session, bob: Phone, installation: Installation) -> None:
    carol = installation.phone(CAROL, "Carol")
    jid = bob.do("groups", subject="Todos", participants=[ALICE, CAROL])["jid"]
    wait_until(lambda: session.try_send(jid, "oi").ok, "alice is a member")
    sent = session.send(jid, "atenção", mentions=["all"])
    shown = wait_until(lambda: [e for e in carol.inbox() if e["id"] == sent["id"]], "carol sees it")
    assert {bob.lid, carol.lid} <= set(shown[0]["mentions"])  # type: ignore[index]
    refused = session.try_send(BOB, "x", mentionAll=True)
    assert (refused.status_code, refused.json()["message"]) == (400, "mentionAll só vale para grupos")


def test_what_cannot_be_read_is_told_and_then_recovered(session: Session, bob: Phone, socket: SocketListener) -> None:
    # One copy is for her phone, one for her session.
    session.installation.api("POST", "/api/sandbox/fault", {"numero": BOB, "kind": "garble", "count": 2})
    sent = bob.do("send", to=ALICE, text="estragada no caminho")["id"]
    broken = socket.wait_event("message_undecryptable", lambda data: data["id"] == sent)
    assert broken["data"]["from"] == bob.jid
    whole = socket.wait_event("message_received", lambda data: data["id"] == sent)
    assert (whole["data"]["content"], whole["data"]["recovered"]) == ("estragada no caminho", True)
    assert len([f for f in socket.events("message_undecryptable") if f["data"]["id"] == sent]) == 1
    assert session.api("GET", f"/api/chat/messages/{sent}")["data"]["tipo_mensagem"] == "conversation"


def test_a_history_is_stored_and_told_once(
    session: Session, installation: Installation, socket: SocketListener
) -> None:
    dora = installation.phone("5511966660009", "Dora")
    old = [{"text": "antiga", "fromMe": False, "timestamp": 1_700_000_000},
           {"text": "resposta antiga", "fromMe": True, "timestamp": 1_700_000_100}]  # fmt: skip
    alice = installation.phone(ALICE)
    alice.do("history", chats=[{"with": dora.number, "name": "Dora", "messages": old}])
    told = socket.wait_event("messaging_history_set", lambda data: data["stored"] == 2)
    assert [chat["id"] for chat in told["data"]["chats"]] == [dora.jid]
    page = session.api("GET", f"/api/chat/messages?jid={dora.number}")["data"]["messages"]
    assert [(row["fromMe"], row["timestamp"]) for row in page] == [(False, 1_700_000_000), (True, 1_700_000_100)]
    chats = session.api("GET", "/api/chat/chats")["data"]["chats"]
    assert next(chat for chat in chats if chat["jid"] == dora.jid)["nome"] == "Dora"
    assert not [f for f in socket.events("message_received") if f["data"]["from"] == dora.jid]
