"""Files, polls, answers and revokes in groups of real sessions and phones, and a group's picture."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.protobufs import e2e
from tests.sandbox.circles import Circle, lid, pn
from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import ClientProcess, NetworkProcess, Refused, wait_until

JPEG = b"\xff\xd8\xff\xe0" + bytes(500)


@pytest.fixture
def circle(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> Circle:
    return Circle(network, new_phone, new_session)


def wait_shown(circle: Circle, number: str, id: str) -> dict[str, Any]:
    """What a phone shows of a message; fails when it shows it twice."""

    def look() -> dict[str, Any] | None:
        found = [entry for entry in circle.network.inbox(number) if entry["id"] == id]
        assert len(found) < 2
        return found[0] if found else None

    return wait_until(look, f"message {id}")


def wait_content(session: ClientProcess, id: str, field: str) -> Any:
    """That content of a message, which may come after an event of the same id that only brings the sender's key."""
    while True:
        got = session.wait("Message", message_id=id)
        if field in got["content"]:
            return getattr(e2e.Message.FromString(base64.b64decode(got["message"])), field)


def test_a_file_reaches_every_member(network: NetworkProcess, circle: Circle, tmp_path: Path) -> None:
    data, path = os.urandom(70_000), tmp_path / "file"
    path.write_bytes(data)
    sent = circle.a.ask("upload", path=str(path), kind="MediaImage")
    names = ("mediaKey", "fileSHA256", "fileEncSHA256")
    reference = sent | {name: bytes.fromhex(sent[name]) for name in names}
    content = e2e.Message(imageMessage=e2e.ImageMessage(mimetype="image/png", caption="todos", **reference))
    message = base64.b64encode(content.SerializeToString()).decode()
    id = circle.a.ask("send_message", to=circle.group, message=message)
    for number in (*circle.phones, circle.bob, circle.alice):
        shown = wait_shown(circle, number, id)
        assert (shown["chat"], shown["sha256"]) == (circle.group, hashlib.sha256(data).hexdigest())
    wait_content(circle.b, id, "imageMessage")
    assert circle.b.ask("download", message_id=id)["sha256"] == hashlib.sha256(data).hexdigest()


def test_votes_in_a_group(network: NetworkProcess, circle: Circle) -> None:
    carol, dave, _ = circle.phones
    poll = network.ask(
        "phone.send", numero=carol, to=circle.group, type="poll", question="Hora?", options=["9h", "10h"]
    )["id"]
    wait_shown(circle, dave, poll)
    vote = network.ask("phone.send", numero=dave, to=circle.group, type="vote", target=poll, choices=["10h"])["id"]
    assert wait_shown(circle, carol, vote)["details"] == {"choices": ["10h"]}
    wait_content(circle.a, vote, "pollUpdateMessage")
    assert circle.a.ask("read_vote", message_id=vote) == [hashlib.sha256(b"10h").hexdigest()]
    own = circle.a.ask("vote", message_id=poll, options=["9h"])
    for number in circle.phones:
        shown = wait_shown(circle, number, own)
        assert (shown["target"], shown["details"], shown["from"]) == (poll, {"choices": ["9h"]}, pn(circle.alice))


def test_answers_mentions_and_reactions_in_a_group(network: NetworkProcess, circle: Circle) -> None:
    carol, dave, erin = circle.phones
    asked = circle.a.send(circle.group, "quem vem?")["id"]
    wait_shown(circle, carol, asked)
    sent = network.ask("phone.send", numero=carol, to=circle.group, text="eu", quoted=asked, mentions=[dave])["id"]
    shown = wait_shown(circle, dave, sent)
    assert (shown["quoted"], shown["mentions"]) == (asked, [lid(network, dave)])
    wait_shown(circle, erin, asked)
    reaction = network.ask("phone.send", numero=erin, to=circle.group, type="reaction", target=asked, emoji="🙋")["id"]
    key = wait_content(circle.b, reaction, "reactionMessage").key
    assert (key.ID, key.participant, key.fromMe) == (asked, lid(network, circle.alice), False)


def test_only_admins_take_back_what_others_wrote(network: NetworkProcess, circle: Circle) -> None:
    carol, dave, _ = circle.phones
    sent = network.ask("phone.send", numero=carol, to=circle.group, text="spam")["id"]
    wait_shown(circle, dave, sent)
    with pytest.raises(Refused) as refused:
        network.ask("phone.send", numero=dave, to=circle.group, type="revoke", target=sent)
    assert refused.value.status == 403
    circle.a.wait("Message", message_id=sent, text="spam")
    revoked = circle.a.ask("revoke", chat=circle.group, sender=lid(network, carol), message_id=sent)
    for number in circle.phones:
        shown = wait_shown(circle, number, revoked)
        assert (shown["target"], shown["details"]) == (sent, {"action": "revoke"})


def test_a_group_has_a_picture(network: NetworkProcess, circle: Circle, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    id = circle.a.ask("set_group_picture", group=circle.group, path=str(path))
    circle.b.wait("Picture", jid=circle.group, author=lid(network, circle.alice), remove=False)
    assert circle.b.ask("picture", jid=circle.group)["id"] == id
    network.ask("phone.group_change", numero=circle.alice, group=circle.group, action="locked")
    with pytest.raises(RuntimeError):
        circle.b.ask("set_group_picture", group=circle.group, path=str(path))
