"""What goes into and comes out of the contact routes."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Sentence, TextList
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.people import PEOPLE_AT_MOST, PERSON, PersonField
from flashapi.schemas.recipients import InvalidRecipient, recipient

JID = f"{PERSON}@s.whatsapp.net"
LID = "100000000000001@lid"


def _person(given: str) -> str | None:
    try:
        named = recipient(given)
    except InvalidRecipient:
        return None
    return None if named.endswith("@g.us") else named


class SomebodySchema(InputSchema):
    """Whom it is about."""

    jid = PersonField(
        required=True,
        error_messages={"required": Sentence("JID é obrigatório")},
        metadata={"description": "Número, JID ou LID", "example": JID},
    )


class PictureQuerySchema(SomebodySchema):
    """Which picture, and how."""

    preview = Flag(load_default=False, metadata={"description": "A miniatura em vez da foto inteira"})
    download = Flag(load_default=False, metadata={"description": "Devolver a própria imagem em vez da URL"})


class NumbersSchema(InputSchema):
    """The numbers to look for."""

    numbers = TextList(
        required=True,
        error_messages={"required": Sentence("Lista de números é obrigatória")},
        validate=validate.Length(max=PEOPLE_AT_MOST, error=f"deve ter no máximo {PEOPLE_AT_MOST} números"),
        metadata={"description": "Em qualquer grafia, com ou sem o nono dígito; também JIDs", "example": [PERSON]},
    )

    @post_load
    def understand(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Beside each text the number or JID it is; None if it names nobody."""
        return {"numbers": [(given, _person(given)) for given in data["numbers"]]}


class StoredContactSchema(Schema):
    """Somebody the session knows."""

    id = fields.Integer()
    sessao_id = fields.String()
    jid = fields.String(metadata={"example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})
    nome = fields.String(allow_none=True, metadata={"description": "Como está na agenda do telefone"})
    apelido = fields.String(allow_none=True, metadata={"description": "Como a própria pessoa se chama"})
    nome_verificado = fields.String(allow_none=True)
    url_imagem = fields.String(allow_none=True)
    status_contato = fields.String(allow_none=True)
    created_at = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})
    updated_at = fields.String(metadata={"example": "2026-11-25T00:52:56.000Z"})


class ContactsSchema(Schema):
    """All contacts of the session."""

    contacts = fields.List(fields.Nested(StoredContactSchema))
    total = fields.Integer()


class SynchronisedSchema(Schema):
    """What is being brought up to date, and how much it was where that is known already."""

    sessionId = fields.String()
    status = fields.String(metadata={"example": "syncing"})
    contacts = fields.Integer()
    groups = fields.Integer()


class CheckedSchema(Schema):
    """The account behind a number."""

    number = fields.String(metadata={"description": "Como foi enviado", "example": PERSON})
    exists = fields.Boolean()
    jid = fields.String(allow_none=True, metadata={"description": "O JID que existe de verdade", "example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})
    error = fields.String(metadata={"description": "Só quando não foi possível verificar"})


class NamesSchema(Schema):
    """Both names of somebody."""

    jid = fields.String(allow_none=True, metadata={"example": JID})
    lid = fields.String(allow_none=True, metadata={"example": LID})


class ProfileSchema(NamesSchema):
    """What somebody shows of themselves."""

    name = fields.String(allow_none=True, metadata={"description": "Como está na agenda do telefone"})
    notify = fields.String(allow_none=True, metadata={"description": "Como a própria pessoa se chama"})
    verifiedName = fields.String(allow_none=True)
    status = fields.String(allow_none=True, metadata={"description": "O recado", "example": "Disponível"})
    imgUrl = fields.String(allow_none=True)
    pictureId = fields.String(allow_none=True)


class BlockedSchema(NamesSchema):
    """What was done."""

    action = fields.String(metadata={"enum": ["blocked", "unblocked"]})


class BlocklistSchema(Schema):
    """Everybody who is blocked."""

    contacts = fields.List(fields.Nested(NamesSchema))
    total = fields.Integer()


class ProfilePictureSchema(Schema):
    """Where a picture is."""

    jid = fields.String()
    url = fields.String()
    id = fields.String()
    type = fields.String(metadata={"enum": ["image", "preview"]})


ContactsAnswer = envelope("Contacts", ContactsSchema)
SynchronisedAnswer = envelope("Synchronised", SynchronisedSchema)
CheckedAnswer = envelope("NumbersChecked", fields.List(fields.Nested(CheckedSchema)))
NamesAnswer = envelope("ContactNames", NamesSchema)
ProfileAnswer = envelope("Profile", ProfileSchema)
BlockedAnswer = envelope("Blocked", BlockedSchema)
BlocklistAnswer = envelope("Blocklist", BlocklistSchema)
PictureAnswer = envelope("ProfilePicture", ProfilePictureSchema)
