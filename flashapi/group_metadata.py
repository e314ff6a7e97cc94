"""A group's row in the contract's two shapes: GroupMetadata as Baileys has it, and the original's table row."""

from collections.abc import Mapping
from typing import Any

from flashapi.timestamps import iso

Columns = Mapping[Any, Any]


def as_metadata(group: Columns) -> dict[str, Any]:
    """GroupMetadata, with the LID beside each phone JID."""
    return {
        "id": group["jid"],
        "subject": group["subject"],
        "subjectOwner": group["subject_by"] or group["subject_by_lid"],
        "subjectOwnerLid": group["subject_by_lid"],
        "subjectTime": group["subject_at"],
        "size": len(group["participants"]),
        "creation": group["founded_at"],
        "owner": group["owner"] or group["owner_lid"],
        "ownerLid": group["owner_lid"],
        "desc": group["description"],
        "descId": group["description_id"],
        "descOwner": group["description_by"] or group["description_by_lid"],
        "descOwnerLid": group["description_by_lid"],
        "descTime": group["description_at"],
        "restrict": bool(group["locked"]),
        "announce": bool(group["announce"]),
        "ephemeralDuration": group["ephemeral_seconds"],
        "linkedParent": group["parent"],
        "isCommunity": bool(group["is_community"]),
        "participants": [as_participant(person) for person in group["participants"]],
    }


def as_participant(person: Columns) -> dict[str, Any]:
    """A member of a group."""
    return {
        "id": person["jid"] or person["lid"],
        "jid": person["jid"],
        "lid": person["lid"],
        "admin": person["admin"],
    }


def is_admin(group: Columns, *, jid: str | None, lid: str | None) -> bool:
    """Whether whoever has one of these names is an admin of the group."""
    named = (one for one in group["participants"] if (jid and one["jid"] == jid) or (lid and one["lid"] == lid))
    return any(one["admin"] is not None for one in named)


def as_listed(group: Columns) -> dict[str, Any]:
    """The row as the original's list shows it; `restrict` is `restrito_mensagens` there, `announce` `apenas_admins`."""
    return {
        "id": group["id"],
        "sessao_id": group["session_id"],
        "jid": group["jid"],
        "assunto": group["subject"],
        "dono_assunto": group["subject_by"] or group["subject_by_lid"],
        "data_assunto": group["subject_at"],
        "data_criacao": group["founded_at"],
        "dono_grupo": group["owner"] or group["owner_lid"],
        "dono_grupo_lid": group["owner_lid"],
        "descricao_grupo": group["description"],
        "dono_descricao": group["description_by"] or group["description_by_lid"],
        "id_descricao": group["description_id"],
        "restrito_mensagens": bool(group["locked"]),
        "apenas_admins": bool(group["announce"]),
        "tamanho_grupo": len(group["participants"]),
        "participantes": [as_participant(person) for person in group["participants"]],
        "created_at": iso(group["created_at"]),
        "updated_at": iso(group["updated_at"]),
    }
