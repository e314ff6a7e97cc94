"""Messages in groups end to end: two sessions and three phones see each one once, by both names of its sender."""

from collections import Counter

from tests.support.groups import People, about, make_group, with_id
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until


def test_everybody_sees_each_message_once(
    people: People, alice_hears: SocketListener, bob_hears: SocketListener
) -> None:
    """The issue's fifth point: two sessions and three phones."""
    group = make_group(people, "Todos", people.bob, people.carol, people.dave)["id"]
    bob_hears.wait_event("groups_update", about(group, subject="Todos"))
    sent = {
        "de alice": people.first.send(group, "de alice")["id"],
        "de bob": people.second.send(group, "de bob")["id"],
        "de alice de novo": people.first.send(group, "de alice de novo")["id"],
        "de carol": people.carol.do("send", to=group, text="de carol")["id"],
        "de dave": people.dave.do("send", to=group, text="de dave")["id"],
    }
    for socket, own in ((alice_hears, "de alice"), (bob_hears, "de bob")):
        for text, message_id in sent.items():
            if not text.startswith(own):
                frame = socket.wait_event("message_received", with_id(message_id))["data"]
                assert (frame["from"], frame["isGroup"], frame["content"]) == (group, True, text)
                author = {"alice": people.alice, "bob": people.bob, "carol": people.carol, "dave": people.dave}[
                    text.split()[1]
                ]
                assert (frame["sender"], frame["senderLid"]) == (author.jid, author.lid)
                assert frame["message"]["key"] == {
                    "remoteJid": group, "fromMe": False, "id": message_id, "participant": author.jid,
                }  # fmt: skip
    for phone in (people.alice, people.bob, people.carol, people.dave):
        for text in sent:
            if text.split()[1] not in {people.carol: "carol", people.dave: "dave"}.get(phone, ""):
                phone.wait_text(text)
        shown = Counter(entry["id"] for entry in phone.inbox() if entry["chat"] == group)
        assert set(shown.values()) == {1}
        assert not [entry for entry in phone.inbox() if entry["type"] == "undecryptable"]
    for socket in (alice_hears, bob_hears):
        heard = Counter(frame["data"]["id"] for frame in socket.events("message_received"))
        assert set(heard.values()) == {1}


def test_receipts_of_a_group(people: People, alice_hears: SocketListener) -> None:
    group = make_group(people, "Recibos", people.carol)["id"]
    sent = people.first.send(group, "lido?")
    assert sent["key"] == {"remoteJid": group, "fromMe": True, "id": sent["id"], "participant": people.alice.jid}
    people.carol.wait_text("lido?")
    people.carol.do("read", chat=group)
    update = alice_hears.wait_event(
        "message_update", lambda data: data["id"] == sent["id"] and data["status"] == "read"
    )["data"]
    assert update["chat"] == group
    assert update["update"]["key"]["participant"] == people.carol.jid


def test_admins_take_back_what_others_wrote(people: People, bob_hears: SocketListener) -> None:
    group = make_group(people, "Moderado", people.bob, people.carol)["id"]
    bob_hears.wait_event("groups_update", about(group, subject="Moderado"))
    message_id = people.carol.do("send", to=group, text="propaganda")["id"]
    bob_hears.wait_event("message_received", with_id(message_id))
    wait_until(
        lambda: people.first.installation.request("GET", f"/api/chat/messages/{message_id}", key=people.first.key).ok,
        "alice's session has it too",
    )
    path = f"/api/chat/delete/{message_id}"
    refused = people.installation.request("DELETE", path, key=people.second.key).json()
    assert (refused["success"], refused["message"]) == (False, "Error ao deletar mensagem")
    assert "administradores" in refused["reason"]
    assert people.first.api("DELETE", path)["message"] == "Mensagem deletada"
    told = bob_hears.wait_event("message_update", lambda data: data["id"] == message_id and data.get("revoked"))
    assert told["data"]["by"] == people.alice.jid
    wait_until(
        lambda: [entry for entry in people.carol.inbox() if entry["target"] == message_id], "carol sees it gone"
    )
