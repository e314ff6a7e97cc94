"""What goes into and comes out of the sandbox's group routes."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Identifier, Text, TextList
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.people import GROUP
from flashapi.schemas.sandbox import NUMBER

ACTIONS = (
    "add",
    "remove",
    "promote",
    "demote",
    "approve",
    "reject",
    "leave",
    "join",
    "subject",
    "description",
    "announce",
    "not_announce",
    "locked",
    "unlocked",
    "approval",
    "not_approval",
    "admin_add",
    "all_member_add",
    "revoke_invite",
)


class PhoneNewGroupSchema(InputSchema):
    """A group the phone makes."""

    subject = Text(required=True, metadata={"example": "Família"})
    participants = TextList(load_default=list, metadata={"description": "Números, JIDs ou LIDs", "example": [NUMBER]})


class PhoneGroupChangeSchema(InputSchema):
    """Something the phone does in a group."""

    group = Identifier(load_default=None, metadata={"description": "Dispensado só com join", "example": GROUP})
    action = Text(
        required=True,
        validate=validate.OneOf(ACTIONS, error=f"deve ser um de: {', '.join(ACTIONS)}"),
        metadata={"enum": list(ACTIONS)},
    )
    participants = TextList(
        load_default=None, metadata={"description": "Com add, remove, promote, demote, approve e reject"}
    )
    value = Text(load_default=None, metadata={"description": "Com subject, description e join (o link)"})

    @post_load
    def tidy(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Leave out what was not given."""
        return {name: value for name, value in data.items() if value is not None}


class PhoneGroupMemberSchema(Schema):
    """A member of a group."""

    numero = fields.String(metadata={"example": NUMBER})
    jid = fields.String()
    lid = fields.String()
    role = fields.String(metadata={"enum": ["superadmin", "admin", "member"]})


class PhoneGroupSchema(Schema):
    """A group as the phone shows it."""

    jid = fields.String(metadata={"example": GROUP})
    subject = fields.String()
    description = fields.String(allow_none=True)
    creator = fields.String(allow_none=True)
    created = fields.Integer(metadata={"description": "Segundos"})
    announce = fields.Boolean()
    locked = fields.Boolean()
    approval = fields.Boolean()
    adminAdd = fields.Boolean()
    ephemeral = fields.Integer()
    invite = fields.String(allow_none=True, metadata={"description": "Só para administradores"})
    requests = fields.List(fields.String(), metadata={"description": "Quem aguarda aprovação"})
    role = fields.String(allow_none=True, metadata={"description": "null: não participa"})
    participants = fields.List(fields.Nested(PhoneGroupMemberSchema))


class PhoneGroupResultSchema(Schema):
    """What became of one person."""

    jid = fields.String(allow_none=True)
    lid = fields.String(allow_none=True)
    code = fields.Integer()


class PhoneGroupChangedSchema(PhoneGroupSchema):
    """The group afterwards, and what became of each person."""

    results = fields.List(fields.Nested(PhoneGroupResultSchema))
    pending = fields.Boolean(metadata={"description": "Com join: aguarda a aprovação de um administrador"})


class PhoneGroupsSchema(Schema):
    """The groups the phone is in."""

    groups = fields.List(fields.Nested(PhoneGroupSchema))


PhoneGroupsAnswer = envelope("PhoneGroups", PhoneGroupsSchema)
PhoneGroupChangedAnswer = envelope("PhoneGroupChanged", PhoneGroupChangedSchema)
