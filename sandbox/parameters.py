"""Reading the parameters of a control request: what is missing or of the wrong kind is refused by the field's name."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.accounts import Account
from sandbox.groups import Group
from sandbox.jid import GROUP_SERVER, JID
from sandbox.network import Network
from sandbox.refusals import Refusal

Params = dict[str, Any]


def text(params: Params, field: str) -> str:
    value = params.get(field)
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"O campo {field} é obrigatório.")
    return value


def optional_text(params: Params, field: str) -> str | None:
    value = params.get(field)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f"O campo {field} deve ser um texto.")
    return value or None


def flag(params: Params, field: str, default: bool | None = None) -> bool:
    value = params.get(field, default)
    if not isinstance(value, bool):
        raise Refusal(400, f"O campo {field} deve ser true ou false.")
    return value


def number(params: Params, field: str, lowest: float, highest: float) -> float:
    value = params.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise Refusal(400, f"O campo {field} deve ser um número de {lowest:g} a {highest:g}.")
    return value


def optional_count(params: Params, field: str) -> int | None:
    """A whole number that is not negative, or None."""
    value = params.get(field)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31):
        raise Refusal(400, f"O campo {field} deve ser um número inteiro que não seja negativo.")
    return value


def texts(params: Params, field: str) -> list[str]:
    value = params.get(field)
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise Refusal(400, f"O campo {field} deve ser uma lista de textos.")
    return value


def objects(params: Params, field: str) -> list[Params]:
    value = params.get(field)
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise Refusal(400, f"O campo {field} deve ser uma lista de objetos.")
    return value


def decoded(params: Params, field: str) -> bytes:
    try:
        return base64.b64decode(text(params, field), validate=True)
    except ValueError as error:
        raise Refusal(400, f"O campo {field} não é base64 válido.") from error


def find_phone(network: Network, number: str) -> Account:
    account = network.directory.by_number(number)
    if account is None:
        raise Refusal(404, f"O telefone {number} não existe nesta rede.")
    return account


def find_person(network: Network, name: str, field: str) -> Account:
    """The account a number, phone JID or LID names."""
    account = None
    if "@" in name:
        try:
            account = network.directory.by_jid(JID.parse(name))
        except ValueError as error:
            raise Refusal(400, f"O campo {field} não é um número nem um JID.") from error
    else:
        account = network.directory.by_any_spelling("".join(filter(str.isdigit, name)))
    if account is None:
        raise Refusal(404, f"O campo {field} não é de nenhum telefone desta rede.")
    return account


def find_chat(network: Network, account: Account, params: Params, field: str) -> Account | Group:
    """The person or the group that is named; a phone only gets at groups it is in."""
    name = text(params, field)
    if name.endswith(f"@{GROUP_SERVER}"):
        return find_own_group(network, account, name)
    return find_person(network, name, field)


def find_own_group(network: Network, account: Account, name: str) -> Group:
    """The group with this JID, for a phone that is in it."""
    group = network.groups.by_jid(JID(name.partition("@")[0], GROUP_SERVER))
    if group is None:
        raise Refusal(404, f"O grupo {name} não existe nesta rede.")
    if not group.has(account):
        raise Refusal(403, "O telefone não participa deste grupo.")
    return group
