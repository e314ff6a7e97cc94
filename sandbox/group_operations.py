"""What the control can ask for about groups: phones found them, change them and list those they are in."""

from __future__ import annotations

from typing import Any

from sandbox.accounts import Account
from sandbox.control import Operation
from sandbox.group_changes import (
    CONFLICT,
    FORBIDDEN,
    GONE,
    LONGEST_DESCRIPTION,
    LONGEST_SUBJECT,
    MEMBER_ACTIONS,
    NOT_ACCEPTABLE,
    NOT_AUTHORIZED,
    GroupRefusal,
    Outcome,
    change_members,
    create_group,
    decide_requests,
    join_group,
    leave_group,
    renew_invite,
    set_description,
    set_rule,
    set_subject,
)
from sandbox.group_stanzas import members_of
from sandbox.groups import Group, Role
from sandbox.jid import JID, PHONE_SERVER
from sandbox.network import Network
from sandbox.parameters import Params, find_own_group, find_phone, text
from sandbox.refusals import Refusal

INVITE_PREFIX = "https://chat.whatsapp.com/"

# What an action switches, and to which side.
RULES = {
    "announce": ("announce", True),
    "not_announce": ("announce", False),
    "locked": ("locked", True),
    "unlocked": ("locked", False),
    "approval": ("approval", True),
    "not_approval": ("approval", False),
    "admin_add": ("admins_add", True),
    "all_member_add": ("admins_add", False),
}
DECISIONS = {"approve": True, "reject": False}
ACTIONS = (
    *MEMBER_ACTIONS,
    *DECISIONS,
    "leave",
    "join",
    "subject",
    "description",
    "revoke_invite",
    *RULES,
)

# What the network's refusals are to the person at the phone: status and sentence, by the network's code.
REFUSALS = {
    NOT_AUTHORIZED: (403, "Só os administradores podem fazer isto neste grupo."),
    FORBIDDEN: (403, "Só os administradores podem fazer isto neste grupo."),
    NOT_ACCEPTABLE: (
        400,
        f"O campo value não serve: um assunto tem de 1 a {LONGEST_SUBJECT} caracteres,"
        f" uma descrição até {LONGEST_DESCRIPTION}, e um convite é o link do grupo.",
    ),
    CONFLICT: (409, "O telefone já participa deste grupo."),
    GONE: (404, "O link de convite não vale mais."),
}


class GroupOperations:
    """The operations on groups, each done by a phone."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def by_name(self) -> dict[str, Operation]:
        return {
            "phone.group_create": self.create,
            "phone.group_change": self.change,
            "phone.groups": self.list_groups,
        }

    async def create(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        people = self._people(params)
        try:
            with self.network.store.transaction():
                group, outcomes = create_group(self.network, account, text(params, "subject"), people)
        except GroupRefusal as refusal:
            raise Refusal(400, f"O campo subject deve ter de 1 a {LONGEST_SUBJECT} caracteres.") from refusal
        return self._describe(group, account) | {"results": _describe_outcomes(outcomes)}

    async def change(self, params: Params) -> Params:
        account, action = find_phone(self.network, text(params, "numero")), text(params, "action")
        if action not in ACTIONS:
            raise Refusal(400, f"O campo action deve ser um destes: {', '.join(ACTIONS)}.")
        try:
            with self.network.store.transaction():
                if action == "join":
                    code = text(params, "value").removeprefix(INVITE_PREFIX)
                    group, joined = join_group(self.network, account, code)
                    return self._describe(group, account) | {"pending": not joined}
                group = find_own_group(self.network, account, text(params, "group"))
                results = self._change(account, group, action, params)
        except GroupRefusal as refusal:
            raise Refusal(*REFUSALS[refusal.code]) from refusal
        return self._describe(group, account) | {"results": _describe_outcomes(results)}

    async def list_groups(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        return {"groups": [self._describe(group, account) for group in self.network.groups.of(account)]}

    def _change(self, account: Account, group: Group, action: str, params: Params) -> list[Outcome]:
        if action in MEMBER_ACTIONS:
            return change_members(self.network, account, group, action, self._people(params))
        if action in DECISIONS:
            return decide_requests(self.network, account, group, self._people(params), approve=DECISIONS[action])
        if action in RULES:
            set_rule(self.network, account, group, *RULES[action])
        elif action == "subject":
            set_subject(self.network, account, group, text(params, "value"))
        elif action == "description":
            set_description(self.network, account, group, str(params.get("value") or ""))
        elif action == "revoke_invite":
            renew_invite(self.network, account, group)
        else:
            leave_group(self.network, account, group)
            self.network.endpoints.sender_keys_of(account).forget(str(group.jid))
            self.network.endpoints.save(account)
        return []

    def _people(self, params: Params) -> list[JID]:
        """The participants, named by number (in either spelling of the ninth digit), phone JID or LID."""
        named = params.get("participants")
        if not isinstance(named, list) or not all(isinstance(name, str) and name for name in named):
            raise Refusal(400, "O campo participants deve ser uma lista de números ou JIDs.")
        return [self._person(name) for name in named]

    def _person(self, name: str) -> JID:
        if "@" in name:
            try:
                return JID.parse(name).person
            except ValueError as error:
                raise Refusal(400, f"O campo participants tem um JID inválido: {name}.") from error
        number = "".join(filter(str.isdigit, name))
        account = self.network.directory.by_any_spelling(number)
        return account.hidden_address() if account else JID(number, PHONE_SERVER)

    def _describe(self, group: Group, reader: Account) -> dict[str, Any]:
        creator = self.network.directory.by_number(group.creator)
        members = [
            {
                "numero": member.number,
                "jid": str(member.address()),
                "lid": str(member.hidden_address()),
                "role": group.members[member.number].value,
            }
            for member in members_of(self.network.directory, group)
        ]
        waiting = (self.network.directory.by_number(number) for number in group.requests)
        return {
            "jid": str(group.jid),
            "subject": group.subject,
            "description": group.description or None,
            "creator": str(creator.address()) if creator else None,
            "created": group.created_at,
            "announce": group.announce,
            "locked": group.locked,
            "approval": group.approval,
            "adminAdd": group.admins_add,
            "ephemeral": group.expiration,
            # Only admins get to see these two.
            "invite": INVITE_PREFIX + group.invite if group.is_admin(reader) else None,
            "requests": [str(one.address()) for one in waiting if one] if group.is_admin(reader) else [],
            "role": group.members.get(reader.number, Role.MEMBER).value if group.has(reader) else None,
            "participants": members,
        }


def _describe_outcomes(outcomes: list[Outcome]) -> list[Params]:
    """What became of each participant.

    200 done, 404 nobody or no member, 405 what the creator is cannot be taken away, 409 a member already.
    """
    return [
        {
            "jid": str(outcome.account.address() if outcome.account else outcome.jid),
            "lid": str(outcome.account.hidden_address()) if outcome.account else None,
            "code": outcome.code,
        }
        for outcome in outcomes
    ]
