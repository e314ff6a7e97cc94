"""Notifications of groups and pictures in the tables: once each, both names, replays harmless."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from neonize.exc import GetJIDFromStoreError
from neonize.proto import Neonize_pb2 as wire
from neonize.proto.Neonize_pb2 import JID

from flashapi import bus
from flashapi.connections import Connections
from flashapi.events import Person
from flashapi.models.contacts import contacts
from flashapi.models.groups import groups
from tests.workers.rows import add_session
from tests.workers.serving import row_of
from workers import contact_rows, people
from workers.clients import CODES
from workers.inbound import Inbound
from workers.journal import Journal

GROUP = "120363000000000001@g.us"
FOUNDED = 1_760_000_001
ALICE, BOB, CAROL = ("5511987650001", "101"), ("5511987650002", "102"), ("5511987650003", "103")
Names = tuple[str, str]


def jid(user: str, server: str) -> JID:
    return JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=not user)


def phone(who: Names) -> str:
    return f"{who[0]}@s.whatsapp.net"


def lid(who: Names) -> JID:
    return jid(who[1], "lid")


def member(who: Names, admin: bool = False) -> wire.GroupParticipant:
    return wire.GroupParticipant(
        JID=lid(who),
        LID=lid(who),
        PhoneNumber=jid(who[0], "s.whatsapp.net"),
        IsAdmin=admin,
        IsSuperAdmin=admin,
        DisplayName="",
        Error=0,
    )


def joined(subject: str, *members: wire.GroupParticipant) -> bytes:
    info = wire.GroupInfo(
        JID=jid(GROUP.split("@")[0], "g.us"),
        OwnerJID=lid(ALICE),
        OwnerPN=jid(ALICE[0], "s.whatsapp.net"),
        GroupName=wire.GroupName(Name=subject, NameSetAt=FOUNDED, NameSetBy=lid(ALICE)),
        GroupCreated=float(FOUNDED),
        Participants=members,
    )
    event = wire.JoinedGroup(Reason="", Type="new", CreateKey="", GroupInfo=info, Sender=lid(ALICE))
    return bytes(event.SerializePartialToString())


def changed(**what: Any) -> bytes:
    event = wire.GroupInfoEvent(
        JID=jid(GROUP.split("@")[0], "g.us"), Notify="", Sender=lid(ALICE), Timestamp=FOUNDED + 60, **what
    )
    return bytes(event.SerializePartialToString())


class WhatsMeow:
    """Knows both names of some people, and counts how often it is asked."""

    def __init__(self, *known: Names) -> None:
        self.known = {who[1]: who[0] for who in known}
        self.asked = 0

    def call(self, name: str, *arguments: Any, **_: Any) -> JID:
        assert name == "get_pn_from_lid"
        self.asked += 1
        number = self.known.get(arguments[0].User)
        if number is None:
            raise GetJIDFromStoreError("no such LID")
        return jid(number, "s.whatsapp.net")


class Line:
    """An inbound pool over a journal, closed to see what came of everything."""

    def __init__(self, connections: Connections, folder: Path, session_id: str) -> None:
        self.connections, self.folder, self.session_id = connections, folder, session_id

    def take(self, *events: tuple[type, bytes], client: WhatsMeow | None = None) -> None:
        journal = Journal(self.folder)
        inbound = Inbound(self.connections, journal)
        for kind, raw in events:
            inbound.receive(self.session_id, CODES[kind], raw, client)
        inbound.close(10)
        journal.close()

    def events(self) -> list[tuple[str, Any]]:
        with self.connections.reading() as connection:
            return [(event.name, event.data) for event in bus.after(connection, 0, 1_000, self.session_id)]

    def row(self) -> Any:
        with self.connections.reading() as connection:
            return connection.execute(sa.select(groups).where(groups.c.session_id == self.session_id)).first()


@pytest.fixture
def line(connections: Connections, tmp_path: Path) -> Line:
    session_id = add_session(connections, phone=ALICE[0], lid=f"{ALICE[1]}@lid")
    return Line(connections, tmp_path / "journal", session_id)


def test_a_group_that_is_joined_becomes_a_row_and_one_event(line: Line) -> None:
    raw = joined("Vendas", member(ALICE, admin=True), member(BOB))
    line.take((wire.JoinedGroup, raw), (wire.JoinedGroup, raw))
    line.take((wire.JoinedGroup, raw))
    [(name, [data])] = line.events()
    assert name == "groups_update"
    assert (data["id"], data["subject"], data["owner"], data["ownerLid"]) == (GROUP, "Vendas", phone(ALICE), "101@lid")
    assert data["participants"] == [
        {"id": phone(ALICE), "jid": phone(ALICE), "lid": "101@lid", "admin": "superadmin"},
        {"id": phone(BOB), "jid": phone(BOB), "lid": "102@lid", "admin": None},
    ]
    assert (data["author"], data["authorLid"]) == (phone(ALICE), "101@lid")
    assert line.row().founded_at == FOUNDED, "neonize's float is off by up to a minute"


def test_members_come_and_go(line: Line) -> None:
    client = WhatsMeow(CAROL)
    line.take((wire.JoinedGroup, joined("Vendas", member(ALICE, admin=True), member(BOB))))
    line.take(
        (wire.GroupInfoEvent, changed(Join=[lid(CAROL)])),
        (wire.GroupInfoEvent, changed(Promote=[lid(CAROL)])),
        (wire.GroupInfoEvent, changed(Leave=[lid(BOB)])),
        client=client,
    )
    told = [data for name, data in line.events() if name == "group_participants_update"]
    assert told == [
        {
            "id": GROUP,
            "author": phone(ALICE),
            "authorLid": "101@lid",
            "participants": [phone(who)],
            "participantsLid": [f"{who[1]}@lid"],
            "action": action,
        }
        for who, action in ((CAROL, "add"), (CAROL, "promote"), (BOB, "remove"))
    ]
    assert line.row().participants == [
        {"jid": phone(ALICE), "lid": "101@lid", "admin": "superadmin"},
        {"jid": phone(CAROL), "lid": "103@lid", "admin": "admin"},
    ]
    assert client.asked == 1, "once told, a name is remembered"


def test_somebody_nobody_knows_the_number_of_is_named_by_the_lid(line: Line) -> None:
    line.take((wire.GroupInfoEvent, changed(Join=[lid(CAROL)])), client=WhatsMeow())
    [(_, data)] = line.events()
    assert (data["participants"], data["participantsLid"]) == (["103@lid"], ["103@lid"])


def test_several_changes_in_one_notification(line: Line) -> None:
    line.take((wire.JoinedGroup, joined("Antigo", member(ALICE))))
    raw = changed(
        Name=wire.GroupName(Name="Novo", NameSetAt=FOUNDED + 60, NameSetBy=lid(ALICE)),
        Topic=wire.GroupTopic(
            Topic="Sobre", TopicID="T1", TopicSetAt=FOUNDED + 60, TopicSetBy=lid(ALICE), TopicDeleted=False
        ),
        Locked=wire.GroupLocked(isLocked=True),
        Announce=wire.GroupAnnounce(IsAnnounce=True, AnnounceVersionID=""),
        NewInviteLink="https://chat.whatsapp.com/AbC",
        Join=[lid(BOB)],
    )
    line.take((wire.GroupInfoEvent, raw))
    line.take((wire.GroupInfoEvent, raw))
    _, (name, [data]), (other, _) = line.events()
    assert (name, other) == ("groups_update", "group_participants_update")
    assert (data["subject"], data["desc"], data["restrict"], data["announce"], data["inviteCode"]) == (
        "Novo", "Sobre", True, True, "AbC",
    )  # fmt: skip
    row = line.row()
    assert (row.subject, row.description, row.description_id, row.subject_by) == ("Novo", "Sobre", "T1", phone(ALICE))
    assert row.locked
    assert row.announce


@pytest.mark.parametrize(
    "what", [{"Leave": [lid(ALICE)]}, {"Delete": wire.GroupDelete(Deleted=True, DeletedReason="")}]
)
def test_a_group_the_account_is_no_longer_in_is_not_listed(line: Line, what: dict[str, Any]) -> None:
    line.take((wire.JoinedGroup, joined("Vendas", member(ALICE), member(BOB))))
    line.take((wire.GroupInfoEvent, changed(**what)))
    assert line.row() is None
    assert len(line.events()) == 2


def test_pictures_of_people_and_groups(line: Line) -> None:
    line.take((wire.JoinedGroup, joined("Vendas", member(ALICE), member(BOB))))
    with line.connections.transaction() as connection:
        contact_rows.note(connection, line.session_id, Person(jid=phone(BOB), lid="102@lid"), picture_url="https://x")

    def picture(of: JID, remove: bool) -> tuple[type, bytes]:
        event = wire.Picture(JID=of, Author=lid(BOB), Timestamp=FOUNDED, Remove=remove)
        return wire.Picture, bytes(event.SerializePartialToString())

    line.take(picture(lid(BOB), remove=True), picture(jid(GROUP.split("@")[0], "g.us"), remove=False))
    _, person, group = line.events()
    assert person == (
        "contacts_update", [{"id": phone(BOB), "jid": phone(BOB), "lid": "102@lid", "imgUrl": "removed"}],
    )  # fmt: skip
    assert group == (
        "groups_update", [{"id": GROUP, "imgUrl": "changed", "author": phone(BOB), "authorLid": "102@lid"}],
    )  # fmt: skip
    with line.connections.reading() as connection:
        assert connection.execute(sa.select(contacts.c.picture_url)).scalar_one() is None


def test_two_rows_of_one_person_become_one(connections: Connections, session_id: str) -> None:
    both = Person(jid=phone(BOB), lid="102@lid")
    with connections.transaction() as connection:
        assert contact_rows.note(connection, session_id, Person(jid=None, lid="102@lid"), push_name="Bob")
        assert contact_rows.note(connection, session_id, Person(jid=phone(BOB), lid=None), name="Roberto")
        assert not contact_rows.note(connection, session_id, both, push_name="Bob")
    with connections.reading() as connection:
        [row] = connection.execute(sa.select(contacts)).all()
    assert (row.jid, row.lid, row.name, row.push_name) == (phone(BOB), "102@lid", "Roberto", "Bob")


def test_a_person_changes_the_number(connections: Connections, session_id: str) -> None:
    session = row_of(connections, session_id)
    with connections.transaction() as connection:
        people.learn(connection, session, [Person(jid=phone(ALICE), lid="101@lid")])
        people.learn(connection, session, [Person(jid=phone(BOB), lid="101@lid")])
        assert people.names(connection, session, ["101@lid"])["101@lid"].jid == phone(BOB)
        assert people.names(connection, session, [phone(ALICE)])[phone(ALICE)].lid is None
