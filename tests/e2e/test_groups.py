"""Groups end to end: every route, and changes from either side as events."""

import base64
import io
import re
from typing import Any

from PIL import Image

from tests.support.groups import (
    People,
    about,
    change,
    listed,
    make_group,
    members,
    members_of,
    phone_group,
)
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until


def test_a_group_that_is_made_is_listed_and_told(people: People, alice_hears: SocketListener) -> None:
    made = make_group(people, "Vendas", people.bob, people.carol)
    group = made["id"]
    assert re.fullmatch(r"\d+@g\.us", group)
    assert made["owner"] == people.alice.jid
    assert made["ownerLid"] == people.alice.lid
    assert members(made) == {people.alice.jid: "superadmin", people.bob.jid: None, people.carol.jid: None}
    assert {member["lid"] for member in made["participants"]} == {
        people.alice.lid, people.bob.lid, people.carol.lid,
    }  # fmt: skip
    row = listed(people.first, group)
    assert row is not None
    assert (row["assunto"], row["tamanho_grupo"], row["dono_grupo"]) == ("Vendas", 3, people.alice.jid)
    assert row["data_criacao"] == phone_group(people.alice, group)["created"]  # type: ignore[index]
    alice_hears.wait_event("groups_update", about(group, subject="Vendas", author=people.alice.jid))
    wait_until(lambda: listed(people.second, group), "Bob's session lists the group")
    frames = [frame for frame in alice_hears.events("groups_update") if about(group)(frame["data"])]
    assert len(frames) == 1


def test_info_both_ways(people: People) -> None:
    group = make_group(people, "Consulta", people.bob)["id"]
    by_get = people.second.api("GET", f"/api/group/info?groupJid={group}")["data"]
    assert by_get == people.second.api("POST", "/api/group/info", {"groupJid": group})["data"]
    assert by_get["subject"] == "Consulta"
    assert by_get["subjectOwner"] == people.alice.jid


def test_people_come_and_go(people: People, alice_hears: SocketListener, bob_hears: SocketListener) -> None:
    group = make_group(people, "Entradas", people.bob)["id"]

    def change_by_api(route: str, message: str, *who: str) -> list[dict[str, Any]]:
        answer = people.first.api("POST", f"/api/group/{route}", {"groupJid": group, "participants": list(who)})
        assert answer["message"] == f"Participantes {message} com sucesso"
        return list(answer["data"])

    added = change_by_api("add-participant", "adicionados", people.carol.number, people.dave.lid, "5511900009999")
    assert [(each["status"], each["jid"]) for each in added] == [
        ("200", people.carol.jid), ("200", people.dave.jid), ("404", "5511900009999@s.whatsapp.net"),
    ]  # fmt: skip
    for socket in (alice_hears, bob_hears):
        came = [
            person
            for frame in (socket.wait_event("group_participants_update", about(group, action="add")),)
            for person in zip(frame["data"]["participants"], frame["data"]["participantsLid"], strict=True)
        ]
        assert set(came) <= {(people.carol.jid, people.carol.lid), (people.dave.jid, people.dave.lid)}
        assert socket.events("group_participants_update")[0]["data"]["author"] == people.alice.jid
        assert socket.events("group_participants_update")[0]["data"]["authorLid"] == people.alice.lid

    assert change_by_api("promote", "promovidos", people.carol.jid)[0]["status"] == "200"
    bob_hears.wait_event("group_participants_update", about(group, action="promote", participants=[people.carol.jid]))
    assert members_of(people, group)[people.carol.jid] == "admin"
    assert change_by_api("demote", "rebaixados", people.carol.lid)[0]["status"] == "200"
    bob_hears.wait_event("group_participants_update", about(group, action="demote", participants=[people.carol.jid]))
    assert members_of(people, group)[people.carol.jid] is None
    assert change_by_api("remove-participant", "removidos", people.carol.number)[0]["status"] == "200"
    bob_hears.wait_event("group_participants_update", about(group, action="remove", participants=[people.carol.jid]))
    assert people.carol.jid not in members_of(people, group)
    assert phone_group(people.carol, group) is None
    assert change_by_api("remove-participant", "removidos", people.carol.number)[0]["status"] == "404"

    change(people.dave, group, "leave")
    alice_hears.wait_event("group_participants_update", about(group, action="remove", participants=[people.dave.jid]))
    wait_until(lambda: members_of(people, group).keys() == {people.alice.jid, people.bob.jid}, "Dave is off the list")


def test_subject_and_description(people: People, bob_hears: SocketListener) -> None:
    group = make_group(people, "Antigo", people.bob)["id"]
    answer = people.first.api("POST", "/api/group/update-subject", {"groupJid": group, "subject": "Novo"})
    assert answer["message"] == "Nome do grupo atualizado com sucesso"
    assert answer["data"] == {"groupJid": group, "subject": "Novo"}
    bob_hears.wait_event("groups_update", about(group, subject="Novo", author=people.alice.jid))
    answer = people.first.api(
        "POST", "/api/group/update-description", {"groupJid": group, "description": "Só assuntos sérios"}
    )
    assert answer["message"] == "Descrição do grupo atualizada com sucesso"
    assert answer["data"] == {"groupJid": group, "description": "Só assuntos sérios"}
    bob_hears.wait_event("groups_update", about(group, desc="Só assuntos sérios"))
    for session in (people.first, people.second):
        row = listed(session, group)
        assert row is not None
        assert (row["assunto"], row["descricao_grupo"]) == ("Novo", "Só assuntos sérios")
        assert (row["dono_assunto"], row["dono_descricao"]) == (people.alice.jid, people.alice.jid)
    assert phone_group(people.bob, group)["description"] == "Só assuntos sérios"  # type: ignore[index]


def test_settings(people: People, bob_hears: SocketListener) -> None:
    group = make_group(people, "Avisos", people.bob)["id"]
    answer = people.first.api("POST", "/api/group/settings", {"groupJid": group, "announce": True, "locked": True})
    assert answer["data"] == {"groupJid": group, "announce": True, "locked": True}
    bob_hears.wait_event("groups_update", about(group, announce=True))
    bob_hears.wait_event("groups_update", about(group, restrict=True))
    row = listed(people.second, group)
    assert row is not None
    assert (row["apenas_admins"], row["restrito_mensagens"]) == (True, True)
    refused = people.second.try_send(group, "posso?")
    assert refused.status_code == 403
    forbidden = people.installation.request(
        "POST", "/api/group/update-subject", {"groupJid": group, "subject": "Meu"}, people.second.key
    )
    assert forbidden.status_code == 403
    people.first.api("POST", "/api/group/settings", {"groupJid": group, "announce": False})
    people.second.send(group, "agora posso")


def test_picture(people: People, bob_hears: SocketListener) -> None:
    group = make_group(people, "Foto", people.bob)["id"]
    path = f"/api/group/picture?groupJid={group}"
    assert people.installation.request("GET", path, key=people.first.key).status_code == 404
    drawn = io.BytesIO()
    Image.new("RGB", (300, 200), "green").save(drawn, "PNG")
    image = "data:image/png;base64," + base64.b64encode(drawn.getvalue()).decode()
    answer = people.first.api("POST", "/api/group/update-picture", {"groupJid": group, "image": image})
    assert answer["data"]["pictureId"]
    bob_hears.wait_event("groups_update", about(group, imgUrl="changed", author=people.alice.jid))
    shown = people.second.api("GET", path)["data"]
    assert shown["id"] == answer["data"]["pictureId"]
    assert shown["url"].startswith("http")
    file = people.installation.request("GET", f"{path}&download=true", key=people.second.key)
    assert file.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(file.content)) as seen:
        assert (seen.format, seen.size) == ("JPEG", (200, 200))


def test_invite_links(people: People, alice_hears: SocketListener) -> None:
    group = make_group(people, "Convites", people.carol)["id"]
    link = people.first.api("GET", f"/api/group/invite-link?groupJid={group}")["data"]
    assert link["link"] == f"https://chat.whatsapp.com/{link['code']}"
    seen = people.second.api("GET", f"/api/group/invite-info?code={link['code']}")["data"]
    assert (seen["id"], seen["subject"]) == (group, "Convites")
    change(people.dave, None, "join", value=link["link"])
    alice_hears.wait_event("group_participants_update", about(group, action="add", participants=[people.dave.jid]))
    joined = people.second.api("POST", "/api/group/join", {"code": link["link"]})
    assert joined["data"] == {"groupJid": group, "pending": False}
    assert listed(people.second, group) is not None
    alice_hears.wait_event("group_participants_update", about(group, action="add", participants=[people.bob.jid]))
    fresh = people.first.api("POST", "/api/group/revoke-invite", {"groupJid": group})["data"]
    assert fresh["code"] != link["code"]
    gone = people.installation.request("GET", f"/api/group/invite-info?code={link['code']}", key=people.second.key)
    assert gone.status_code == 400
    refused = people.installation.request(
        "GET", f"/api/group/invite-link?groupJid={group}", key=people.second.key
    )
    assert refused.status_code == 403


def test_who_waits_to_be_let_in(people: People) -> None:
    group = make_group(people, "Aprovação", people.carol)["id"]
    link = people.first.api("GET", f"/api/group/invite-link?groupJid={group}")["data"]["link"]
    change(people.alice, group, "approval")
    asked = people.second.api("POST", "/api/group/join", {"code": link})
    assert asked["data"] == {"groupJid": group, "pending": True}
    assert asked["message"] == "Pedido de entrada enviado com sucesso"
    [waiting] = people.first.api("GET", f"/api/group/join-requests?groupJid={group}")["data"]
    assert (waiting["jid"], waiting["lid"]) == (people.bob.jid, people.bob.lid)
    assert waiting["requestedAt"] > 1_700_000_000
    change(people.alice, group, "approve", participants=[people.bob.number])
    wait_until(lambda: listed(people.second, group), "Bob's session is in the group")


def test_leaving_and_being_removed(people: People, alice_hears: SocketListener) -> None:
    group = make_group(people, "Saída", people.bob, people.carol)["id"]
    wait_until(lambda: listed(people.second, group), "Bob's session lists the group")
    answer = people.second.api("POST", "/api/group/leave", {"groupJid": group})
    assert (answer["message"], answer["data"]) == ("Saiu do grupo com sucesso", {"groupJid": group})
    assert listed(people.second, group) is None
    alice_hears.wait_event("group_participants_update", about(group, action="remove", participants=[people.bob.jid]))
    gone = people.second.try_send(group, "ainda?")
    assert gone.status_code == 403, gone.text
    change(people.alice, group, "promote", participants=[people.carol.number])
    change(people.alice, group, "add", participants=[people.bob.number])
    wait_until(lambda: listed(people.second, group), "Bob's session is back")
    change(people.alice, group, "remove", participants=[people.bob.number])
    wait_until(lambda: listed(people.second, group) is None, "Bob's session has been removed")


def test_what_a_phone_changes_is_told(people: People, alice_hears: SocketListener) -> None:
    made = people.carol.do("groups", subject="De Carol", participants=[people.alice.number, people.bob.number])
    group = made["jid"]
    frame = alice_hears.wait_event("groups_update", about(group, subject="De Carol"))["data"][0]
    assert (frame["owner"], frame["ownerLid"], frame["author"]) == (
        people.carol.jid, people.carol.lid, people.carol.jid,
    )  # fmt: skip
    assert {(m["jid"], m["lid"]) for m in frame["participants"]} == {
        (phone.jid, phone.lid) for phone in (people.alice, people.bob, people.carol)
    }
    change(people.carol, group, "subject", value="De Carol e Bob")
    alice_hears.wait_event("groups_update", about(group, subject="De Carol e Bob", author=people.carol.jid))
    change(people.carol, group, "add", participants=[people.dave.number])
    alice_hears.wait_event(
        "group_participants_update",
        about(group, action="add", participants=[people.dave.jid], participantsLid=[people.dave.lid]),
    )
    wait_until(
        lambda: (row := listed(people.first, group)) and row["tamanho_grupo"] == 4 and row["assunto"], "the row follows"
    )


def test_groups_from_before_are_synchronised(people: People, name: str) -> None:
    eve = people.installation.phone("5511944440009", "Eve")
    made = eve.do("groups", subject="De antes", participants=[people.carol.number])
    session = people.installation.paired(name, eve)
    wait_until(lambda: listed(session, made["jid"]), "the group is listed after the login")
    answer = session.api("POST", "/api/contact/force-sync-all", {})
    assert answer["message"] == "Sincronização completa iniciada com sucesso"
    assert (answer["data"]["sessionId"], answer["data"]["status"]) == (session.id, "syncing_all")
    assert answer["data"]["groups"] == 1


def test_nobody_without_whatsapp_is_put_into_a_new_group(people: People) -> None:
    body = {"subject": "Vazio", "participants": ["5511900009999"]}
    answer = people.installation.request("POST", "/api/group/create", body, people.first.key)
    assert answer.status_code == 400
    assert "5511900009999" in answer.json()["message"]


def test_a_group_nobody_knows(people: People) -> None:
    path = "/api/group/info?groupJid=120363999999999999@g.us"
    answer = people.installation.request("GET", path, key=people.first.key)
    assert (answer.status_code, answer.json()["message"]) == (404, "Grupo não encontrado")
