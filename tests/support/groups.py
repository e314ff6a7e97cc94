"""Groups for end-to-end tests: the people, and what is seen of a group from the API and from the phones."""

from typing import Any

from tests.support.installation import Installation, Phone, Session

GROUP_EVENTS = ["groups_update", "group_participants_update", "message_received", "message_update"]


class People:
    """Alice and Bob with a session each; Carol and Dave, who have none. Alice's phone and Bob's count too."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.alice, self.bob, self.carol, self.dave = (
            installation.phone(f"551194444000{number}", name)
            for number, name in enumerate(("Alice", "Bob", "Carol", "Dave"))
        )
        self.first: Session = installation.paired("grupos-alice", self.alice)
        self.second: Session = installation.paired("grupos-bob", self.bob)


def make_group(people: People, subject: str, *members: Phone) -> dict[str, Any]:
    body = {"subject": subject, "participants": [member.number for member in members]}
    answer = people.first.api("POST", "/api/group/create", body)
    assert answer["message"] == "Grupo criado com sucesso"
    return dict(answer["data"])


def listed(session: Session, group: str) -> dict[str, Any] | None:
    groups = session.api("GET", "/api/group/list")["data"]["groups"]
    return next((each for each in groups if each["jid"] == group), None)


def phone_group(phone: Phone, group: str) -> dict[str, Any] | None:
    path = f"/api/sandbox/phone/{phone.number}/groups"
    groups = phone.installation.api("GET", path)["data"]["groups"]
    return next((each for each in groups if each["jid"] == group), None)


def change(phone: Phone, group: str | None, action: str, **fields: Any) -> dict[str, Any]:
    body = {"group": group, "action": action, **fields}
    return dict(phone.do("groups/change", **body))


def members(group: dict[str, Any]) -> dict[str, str | None]:
    return {member["jid"]: member["admin"] for member in group["participants"]}


def about(group: str, **wanted: Any) -> Any:
    """Whether an event's data is about this group, and holds these values."""

    def matches(data: Any) -> bool:
        first = data[0] if isinstance(data, list) else data
        return first["id"] == group and all(first.get(name) == value for name, value in wanted.items())

    return matches


def members_of(people: People, group: str) -> dict[str, str | None]:
    row = listed(people.first, group)
    assert row is not None
    return {member["jid"]: member["admin"] for member in row["participantes"]}


def with_id(message_id: str) -> Any:
    """Whether an event's data is this message."""
    return lambda data: data["id"] == message_id
