"""What real sessions learn and change about people: profiles, pictures, blocking, privacy, addresses."""

from __future__ import annotations

import base64
import hashlib
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused, wait_until

JPEG = b"\xff\xd8\xff\xe0" + bytes(500)
OTHER_JPEG = b"\xff\xd8\xff\xe0" + bytes(700)
UNKNOWN = "5511955550000"


def test_a_session_sees_a_picture_and_can_fetch_it(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess
) -> None:
    bob = new_phone("Bob")
    with pytest.raises(RuntimeError):
        alice_session.ask("picture", jid=bob)
    set_ = network.ask("phone.picture", numero=bob, data=base64.b64encode(JPEG).decode())
    assert set_["sha256"] == hashlib.sha256(JPEG).hexdigest()
    for jid in (bob, network.phone(bob)["lid"]):
        for preview, kind in ((False, "image"), (True, "preview")):
            found = alice_session.ask("picture", jid=jid, preview=preview)
            assert (found["id"], found["type"]) == (set_["id"], kind)
    context = ssl.create_default_context(cafile=network.authorities)
    with urllib.request.urlopen(found["url"], context=context) as answer:
        assert (answer.headers["Content-Type"], answer.read()) == ("image/jpeg", JPEG)
    assert alice_session.ask("picture", jid=bob, existing=set_["id"]) is None
    assert alice_session.ask("user_info", jid=bob)["picture"] == set_["id"]


def test_a_session_is_told_of_new_and_removed_pictures(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    alice_session.send(bob, "oi")  # now the session follows Bob
    lid = network.phone(bob)["lid"]
    network.ask("phone.picture", numero=bob, data=base64.b64encode(JPEG).decode())
    alice_session.wait("Picture", jid=lid, remove=False)
    network.ask("phone.picture", numero=bob, data=None)
    alice_session.wait("Picture", jid=lid, remove=True)
    network.ask("phone.picture", numero=alice, data=base64.b64encode(JPEG).decode())
    alice_session.wait("Picture", jid=f"{alice}@s.whatsapp.net")


def test_a_session_changes_its_own_picture(
    network: NetworkProcess, alice_session: ClientProcess, alice: str, tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(OTHER_JPEG)
    id = alice_session.ask("set_picture", path=str(path))
    digest = hashlib.sha256(OTHER_JPEG).hexdigest()
    assert network.ask("phone.info", numero=alice)["picture"] == {"id": id, "size": len(OTHER_JPEG), "sha256": digest}
    assert alice_session.ask("picture", jid=alice)["id"] == id
    path.write_bytes(b"GIF89a")
    with pytest.raises(RuntimeError, match="acceptable|invalid|image"):
        alice_session.ask("set_picture", path=str(path))


def test_about_texts_go_both_ways(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    network.ask("phone.status", numero=bob, text="Na praia 🏖")
    assert alice_session.ask("user_info", jid=bob)["status"] == "Na praia 🏖"
    alice_session.ask("set_status", text="No trabalho")
    assert network.ask("phone.info", numero=alice)["status"] == "No trabalho"
    with pytest.raises(Refused, match="text"):
        network.ask("phone.status", numero=bob, text="a" * 140)


def test_blocked_people_are_not_heard(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    lid = network.phone(bob)["lid"]
    assert alice_session.ask("blocklist") == []
    assert alice_session.ask("block", jid=bob, blocked=True) == [lid]
    assert alice_session.ask("blocklist") == [lid]
    assert network.ask("phone.info", numero=alice)["blocklist"] == [f"{bob}@s.whatsapp.net"]
    network.ask("phone.send", numero=bob, to=alice, text="não chega")
    network.ask("phone.call", numero=bob, to=alice)
    assert alice_session.ask("block", jid=lid, blocked=False) == []
    network.ask("phone.send", numero=bob, to=alice, text="chega")
    assert alice_session.wait("Message", chat=lid)["text"] == "chega"
    assert not [one for one in alice_session.events if one["event"] == "CallOffer"]


def test_a_phone_blocks_a_session(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    network.ask("phone.picture", numero=bob, data=base64.b64encode(JPEG).decode())
    network.ask("phone.block", numero=bob, jid=alice, blocked=True)
    alice_session.send(bob, "não chega")
    with pytest.raises(RuntimeError):
        alice_session.ask("picture", jid=bob)
    network.ask("phone.block", numero=bob, jid=alice, blocked=False)
    sent = alice_session.send(bob, "chega")
    assert [shown["id"] for shown in network.wait_inbox(bob, 1)] == [sent["id"]]


def test_privacy_settings_are_kept(network: NetworkProcess, alice_session: ClientProcess, alice: str) -> None:
    before = alice_session.ask("privacy")
    alice_session.ask("set_privacy", name="profile", value="none")
    alice_session.ask("set_privacy", name="last", value="contacts")
    privacy = network.ask("phone.info", numero=alice)["privacy"]
    assert (privacy["profile"], privacy["last"], privacy["groupadd"]) == ("none", "contacts", "all")
    assert alice_session.ask("privacy") != before
    with pytest.raises(RuntimeError):
        alice_session.ask("set_privacy", name="calladd", value="contacts")


def test_a_hidden_picture_is_not_shown(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession, alice_session: ClientProcess
) -> None:
    bob, session = new_phone("Bob"), new_session()
    session.pair(bob)
    network.ask("phone.picture", numero=bob, data=base64.b64encode(JPEG).decode())
    assert alice_session.ask("picture", jid=bob)
    session.ask("set_privacy", name="profile", value="none")
    with pytest.raises(RuntimeError):
        alice_session.ask("picture", jid=bob)


def test_names_and_addresses_are_learnt(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    lid = network.phone(bob)["lid"]
    sent = network.ask("phone.send", numero=bob, to=alice, text="oi")["id"]
    alice_session.wait("Message", message_id=sent)
    for jid in (lid, bob):

        def known(jid: str = jid) -> bool | None:
            return alice_session.ask("contact", jid=jid) == {"found": True, "push_name": "Bob"} or None

        wait_until(known, "the push name")
    assert alice_session.ask("lid_of", number=bob) == lid
    assert alice_session.ask("number_of", lid=lid) == f"{bob}@s.whatsapp.net"
    assert alice_session.ask("user_devices", jid=bob) == [f"{bob}@s.whatsapp.net"]
    assert alice_session.ask("user_info", jid=bob)["devices"] == [f"{bob}@s.whatsapp.net"]
    assert alice_session.ask("user_info", jid=UNKNOWN)["devices"] == []


def test_presence_is_told_to_those_who_ask(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    alice_session.ask("subscribe", to=bob)
    network.ask("phone.presence", numero=bob, available=True)
    alice_session.wait("Presence", unavailable=False)
    network.ask("phone.presence", numero=bob, available=False)
    assert alice_session.wait("Presence", unavailable=True)["last_seen"] > 0


def test_a_contact_link_leads_to_its_account(alice_session: ClientProcess) -> None:
    link = alice_session.ask("qr_link")
    assert link and alice_session.ask("qr_link") == link


def test_profiles_survive_a_restart(
    network: NetworkProcess, new_phone: NewPhone, alice_session: ClientProcess, alice: str
) -> None:
    bob = new_phone("Bob")
    network.ask("phone.picture", numero=alice, data=base64.b64encode(JPEG).decode())
    network.ask("phone.status", numero=alice, text="Firme")
    network.ask("phone.block", numero=alice, jid=bob, blocked=True)
    before = network.ask("phone.info", numero=alice)
    network.stop()
    network.start()
    assert network.ask("phone.info", numero=alice) == before
    alice_session.wait("Connected")
