"""Calls from phones to real sessions, and the histories that phones give them."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import NewPhone
from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused

RECENT, PUSH_NAME = 3, 4  # numbers of HistorySyncType


@pytest.mark.parametrize("video", [False, True])
def test_a_session_refuses_a_call(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str, video: bool
) -> None:
    bob = new_phone("Bob")
    lid = network.phone(bob)["lid"]
    call = network.ask("phone.call", numero=bob, to=alice, video=video)["callId"]
    offer = alice_session.wait("CallOffer", call_id=call)
    assert (offer["from"], offer["creator"], offer["creator_alt"]) == (lid, lid, f"{bob}@s.whatsapp.net")
    assert offer["video"] is video
    alice_session.ask("reject_call", caller=lid, call_id=call)
    [shown] = network.wait_inbox(bob, 1)
    assert (shown["type"], shown["target"], shown["from"]) == ("call_rejected", call, f"{alice}@s.whatsapp.net")
    alice_session.wait("CallTerminate", call_id=call)
    with pytest.raises(Refused) as refused:
        network.ask("phone.hangup", numero=bob, callId=call)
    assert refused.value.status == 404


def test_a_caller_hangs_up(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    call = network.ask("phone.call", numero=bob, to=alice)["callId"]
    alice_session.wait("CallOffer", call_id=call)
    with pytest.raises(Refused):
        network.ask("phone.hangup", numero=new_phone("Carla"), callId=call)
    network.ask("phone.hangup", numero=bob, callId=call)
    alice_session.wait("CallTerminate", call_id=call)
    alice_session.ask("reject_call", caller=network.phone(bob)["lid"], call_id=call)  # too late
    alice_session.send(bob, "desculpe")
    assert [shown["type"] for shown in network.wait_inbox(bob, 1)] == ["conversation"]


def test_a_session_gets_the_history_of_its_phone(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    lid = network.phone(bob)["lid"]
    chat = {
        "with": bob,
        "messages": [
            {"text": "antes", "timestamp": 1_700_000_000},
            {"text": "depois", "fromMe": True, "timestamp": 1_700_000_100},
        ],
    }
    assert network.ask("phone.history", numero=alice, chats=[chat]) == {"messages": 2}
    names = alice_session.wait("HistorySync", kind=PUSH_NAME)["names"]
    assert names == {f"{bob}@s.whatsapp.net": "Bob", lid: "Bob"}
    chats = alice_session.wait("HistorySync", kind=RECENT)["chats"]
    assert list(chats) == [lid]
    assert [(from_me, text) for _, from_me, text in chats[lid]] == [(True, "depois"), (False, "antes")]
    assert alice_session.ask("contact", jid=bob)["push_name"] == "Bob"
    assert alice_session.ask("number_of", lid=lid) == f"{bob}@s.whatsapp.net"
