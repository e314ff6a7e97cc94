"""Fields that name people, groups and invitations."""

import re
from typing import Any

from marshmallow import ValidationError

from flashapi.schemas.fields import Recipient, Text, TextList
from flashapi.schemas.recipients import GROUP_JID, InvalidRecipient, recipient

GROUP = "120363000000000001@g.us"
PERSON = "5599999999999"
PEOPLE_AT_MOST = 500
_INVITE = re.compile(r"(?:https?://)?(?:chat\.whatsapp\.com/)?(?:invite/)?([A-Za-z0-9_-]{6,100})(?:\?.*)?")


class PersonField(Recipient):
    """A phone number, or the JID or LID of a person."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        named = super()._deserialize(value, attr, data, **kwargs)
        if named.endswith("@g.us"):
            raise ValidationError("deve ser o número ou JID de uma pessoa")
        return named


class GroupField(Text):
    """The JID of a group."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        named = super()._deserialize(value, attr, data, **kwargs).strip()
        if not GROUP_JID.fullmatch(named):
            raise ValidationError("deve ser o JID de um grupo (…@g.us)")
        return named


class PeopleField(TextList):
    """Numbers, JIDs or LIDs of people, each once."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:  # type: ignore[override]
        given = super()._deserialize(value, attr, data, **kwargs)
        if len(given) > PEOPLE_AT_MOST:
            raise ValidationError(f"deve ter no máximo {PEOPLE_AT_MOST} pessoas")
        return list(dict.fromkeys(_person(each) for each in given))


class InviteField(Text):
    """The link of a group, or the code in it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        found = _INVITE.fullmatch(super()._deserialize(value, attr, data, **kwargs).strip())
        if found is None:
            raise ValidationError("deve ser um link de convite ou o código dele")
        return found[1]


def _person(named: str) -> str:
    try:
        person = recipient(named)
    except InvalidRecipient:
        person = "@g.us"
    if person.endswith("@g.us"):
        raise ValidationError(f"deve conter números ou JIDs de pessoas; {named!r} não é")
    return person
