"""What goes into and comes out of the group routes."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from flashapi.schemas.contacts import JID, LID
from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Sentence, Text
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.media import file_field
from flashapi.schemas.people import GROUP, PERSON, GroupField, InviteField, PeopleField

SUBJECT_LONGEST = 100
DESCRIPTION_LONGEST = 2_048
"""What WhatsApp takes (it answers 406 beyond)."""
MOMENT = 1_760_000_000


def _words(longest: int) -> Any:
    too_long = validate.Length(max=longest, error=f"deve ter no máximo {longest} caracteres")
    return validate.And(too_long, validate.ContainsNoneOf("\0", error="não pode ter caracteres nulos"))


def _group(missing: str) -> GroupField:
    return GroupField(
        required=True,
        attribute="group",
        data_key="groupJid",
        error_messages={"required": Sentence(missing)},
        metadata={"example": GROUP},
    )


def _people(missing: str) -> PeopleField:
    return PeopleField(
        required=True,
        error_messages={"required": Sentence(missing)},
        metadata={"description": "Números, JIDs ou LIDs", "example": [PERSON]},
    )


class GroupSchema(InputSchema):
    """Which group it is about."""

    group = _group("groupJid é obrigatório")


class GroupPictureQuerySchema(GroupSchema):
    """Which picture, and how."""

    preview = Flag(load_default=False, metadata={"description": "A miniatura em vez da foto inteira"})
    download = Flag(load_default=False, metadata={"description": "Devolver a própria imagem em vez da URL"})


class NewGroupSchema(InputSchema):
    """A group to make."""

    subject = Text(
        required=True,
        error_messages={"required": Sentence("subject e participants são obrigatórios")},
        validate=_words(SUBJECT_LONGEST),
        metadata={"example": "Vendas"},
    )
    participants = _people("subject e participants são obrigatórios")


class ParticipantsSchema(InputSchema):
    """Members, or members to be, of a group."""

    group = _group("groupJid e participants são obrigatórios")
    participants = _people("groupJid e participants são obrigatórios")


class SubjectSchema(InputSchema):
    """A new name for a group."""

    group = _group("groupJid e subject são obrigatórios")
    subject = Text(
        required=True,
        error_messages={"required": Sentence("groupJid e subject são obrigatórios")},
        validate=_words(SUBJECT_LONGEST),
        metadata={"example": "Vendas 2026"},
    )


class DescriptionSchema(InputSchema):
    """A new description for a group."""

    group = _group("groupJid e description são obrigatórios")
    description = Text(
        required=True,
        error_messages={"required": Sentence("groupJid e description são obrigatórios")},
        validate=_words(DESCRIPTION_LONGEST),
        metadata={"example": "Só assuntos de vendas"},
    )


class GroupPictureSchema(InputSchema):
    """A new picture for a group."""

    group = _group("groupJid e image são obrigatórios")
    image = file_field(Sentence("groupJid e image são obrigatórios"), "foto.jpg")


class SettingsSchema(InputSchema):
    """Who may do what in a group."""

    group = _group("groupJid é obrigatório")
    announce = Flag(load_default=None, metadata={"description": "Só administradores enviam mensagens"})
    locked = Flag(load_default=None, metadata={"description": "Só administradores alteram os dados do grupo"})

    @validates_schema(skip_on_field_errors=True)
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Something must be asked for."""
        if data["announce"] is None and data["locked"] is None:
            raise ValidationError(Sentence("Informe announce ou locked"), "announce")


class InviteSchema(InputSchema):
    """An invitation to a group."""

    code = InviteField(
        required=True,
        error_messages={"required": Sentence("code é obrigatório")},
        metadata={"description": "O link de convite, ou o código dele", "example": "https://chat.whatsapp.com/AbCdEf123"},
    )


class MemberSchema(Schema):
    """A member of a group."""

    id = fields.String(metadata={"example": JID})
    jid = fields.String(allow_none=True, metadata={"example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})
    admin = fields.String(allow_none=True, metadata={"enum": ["admin", "superadmin", None]})


class MetadataSchema(Schema):
    """A group in Baileys' form, the LID beside each phone JID."""

    id = fields.String(metadata={"example": GROUP})
    subject = fields.String()
    subjectOwner = fields.String(allow_none=True)
    subjectOwnerLid = fields.String(allow_none=True)
    subjectTime = fields.Integer(allow_none=True, metadata={"description": "Segundos", "example": MOMENT})
    size = fields.Integer()
    creation = fields.Integer(
        allow_none=True, metadata={"description": "Segundos; com até um minuto de erro se o nome já mudou"}
    )
    owner = fields.String(allow_none=True)
    ownerLid = fields.String(allow_none=True)
    desc = fields.String(allow_none=True)
    descId = fields.String(allow_none=True)
    descOwner = fields.String(allow_none=True)
    descOwnerLid = fields.String(allow_none=True)
    descTime = fields.Integer(allow_none=True)
    restrict = fields.Boolean(metadata={"description": "Só administradores alteram os dados do grupo"})
    announce = fields.Boolean(metadata={"description": "Só administradores enviam mensagens"})
    ephemeralDuration = fields.Integer(allow_none=True, metadata={"description": "Segundos"})
    linkedParent = fields.String(allow_none=True, metadata={"description": "A comunidade a que pertence"})
    isCommunity = fields.Boolean()
    participants = fields.List(fields.Nested(MemberSchema))


class StoredGroupSchema(Schema):
    """A group as the list shows it."""

    id = fields.Integer()
    sessao_id = fields.String()
    jid = fields.String(metadata={"example": GROUP})
    assunto = fields.String()
    dono_assunto = fields.String(allow_none=True)
    data_assunto = fields.Integer(allow_none=True, metadata={"description": "Segundos", "example": MOMENT})
    data_criacao = fields.Integer(allow_none=True, metadata={"description": "Segundos", "example": MOMENT})
    dono_grupo = fields.String(allow_none=True)
    dono_grupo_lid = fields.String(allow_none=True)
    descricao_grupo = fields.String(allow_none=True)
    dono_descricao = fields.String(allow_none=True)
    id_descricao = fields.String(allow_none=True)
    restrito_mensagens = fields.Boolean(metadata={"description": "`restrict` do WhatsApp"})
    apenas_admins = fields.Boolean(metadata={"description": "`announce` do WhatsApp"})
    tamanho_grupo = fields.Integer()
    participantes = fields.List(fields.Nested(MemberSchema))
    created_at = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    updated_at = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})


class GroupsSchema(Schema):
    """All groups the account is in."""

    groups = fields.List(fields.Nested(StoredGroupSchema))
    total = fields.Integer()


class ResultSchema(Schema):
    """What became of one person."""

    status = fields.String(metadata={"description": "200: feito; senão o código do WhatsApp", "example": "200"})
    jid = fields.String(metadata={"example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})
    content = fields.Dict(metadata={"description": "A resposta na forma do Baileys"})


class ChangedSchema(Schema):
    """The group, and what was changed."""

    groupJid = fields.String(metadata={"example": GROUP})
    subject = fields.String()
    description = fields.String()
    announce = fields.Boolean()
    locked = fields.Boolean()
    pictureId = fields.String()


class LinkSchema(Schema):
    """The way into a group."""

    groupJid = fields.String(metadata={"example": GROUP})
    code = fields.String()
    link = fields.String(metadata={"example": "https://chat.whatsapp.com/AbCdEf123"})


class JoinedSchema(Schema):
    """Where an invitation led."""

    groupJid = fields.String(metadata={"example": GROUP})
    pending = fields.Boolean(metadata={"description": "Aguarda a aprovação de um administrador"})


class WaitingSchema(Schema):
    """Somebody who waits to be let in."""

    jid = fields.String(allow_none=True, metadata={"example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})
    requestedAt = fields.Integer(metadata={"description": "Segundos", "example": MOMENT})


GroupsAnswer = envelope("Groups", GroupsSchema)
MetadataAnswer = envelope("GroupMetadata", MetadataSchema)
ResultsAnswer = envelope("ParticipantResults", fields.List(fields.Nested(ResultSchema)))
ChangedAnswer = envelope("GroupChanged", ChangedSchema)
LinkAnswer = envelope("InviteLink", LinkSchema)
JoinedAnswer = envelope("GroupJoined", JoinedSchema)
WaitingAnswer = envelope("JoinRequests", fields.List(fields.Nested(WaitingSchema)))
