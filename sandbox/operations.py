"""What the control socket can ask for: the phones' doings and the faults, with checked parameters."""

from __future__ import annotations

import asyncio

from sandbox.accounts import Account, Device
from sandbox.codes import InvalidCode, WrongCode, read_code
from sandbox.control import Operation
from sandbox.devices import remove_device
from sandbox.group_phones import GroupPhones
from sandbox.groups import Group
from sandbox.inbox import UnknownMessage
from sandbox.linking import LinkExpired, Linking, LinkUnanswered
from sandbox.network import Network, NumberTaken
from sandbox.pairing import InvalidLink, PairingRefused, read_link
from sandbox.parameters import Params, find_chat, find_phone, flag, text
from sandbox.phones import Phones
from sandbox.presences import Presences
from sandbox.profiles import publish_name
from sandbox.qrcode import InvalidPicture, read_qrcode
from sandbox.refusals import Refusal


class PhoneOperations:
    """The operations on virtual phones."""

    def __init__(
        self, network: Network, phones: Phones, groups: GroupPhones, linking: Linking, presences: Presences
    ) -> None:
        self.network = network
        self.phones = phones
        self.groups = groups
        self.linking = linking
        self.presences = presences

    def by_name(self) -> dict[str, Operation]:
        return {
            "ping": self.ping,
            "phone.create": self.create,
            "phone.list": self.list,
            "phone.scan": self.scan,
            "phone.code": self.enter_code,
            "phone.inbox": self.read_inbox,
            "phone.activity": self.list_activity,
            "phone.read": self.read,
            "phone.typing": self.type,
            "phone.presence": self.show,
            "phone.unlink": self.unlink,
        }

    async def ping(self, params: Params) -> Params:
        return {}

    async def create(self, params: Params) -> Params:
        number = text(params, "numero")
        if not number.isdigit() or not 7 <= len(number) <= 15:
            raise Refusal(400, "O campo numero deve ter de 7 a 15 dígitos, com o código do país.")
        account = self.network.directory.by_number(number)
        if account is None:
            try:
                account = self.network.create_account(number, str(params.get("nome") or ""))
            except NumberTaken as error:
                raise Refusal(409, f"O numero já existe na grafia {error}, com ou sem o nono dígito.") from error
        elif params.get("nome") and params["nome"] != account.name:
            account.name = str(params["nome"])
            self.network.store.save_account(account)
            publish_name(self.network, account)
        return describe_phone(account)

    async def list(self, params: Params) -> Params:
        return {
            "phones": [
                describe_phone(account) | {"devices": len(account.devices), "logins": account.logins}
                for account in self.network.directory
            ]
        }

    async def scan(self, params: Params) -> Params:
        account = self._phone(params)
        try:
            # Finding the code in a picture takes some 10 ms, for which no connection should wait.
            link = read_link(await asyncio.to_thread(read_qrcode, text(params, "qrcode")))
            device = await self.linking.scan(account, link)
        except InvalidPicture as error:
            raise Refusal(400, "O campo qrcode não é uma imagem com um QR code legível.") from error
        except InvalidLink as error:
            raise Refusal(400, "O campo qrcode não contém um código de conexão do WhatsApp.") from error
        except LinkExpired as error:
            raise Refusal(400, "O qrcode expirou ou já foi usado; peça um novo.") from error
        except PairingRefused as error:
            raise Refusal(400, "O qrcode foi recusado: a sessão não confirmou o pareamento.") from error
        except LinkUnanswered as error:
            raise Refusal(504, "A sessão que mostrou o qrcode não respondeu a tempo.") from error
        return _linked(account, device)

    async def enter_code(self, params: Params) -> Params:
        account = self._phone(params)
        try:
            device = await self.linking.enter_code(account, read_code(text(params, "code")))
        except InvalidCode as error:
            raise Refusal(400, "O campo code deve ter oito letras e dígitos, como ABCD-1234.") from error
        except LinkExpired as error:
            raise Refusal(400, "Nenhuma sessão espera um code para este numero.") from error
        except (WrongCode, PairingRefused) as error:
            raise Refusal(400, "O code está errado.") from error
        except LinkUnanswered as error:
            raise Refusal(504, "A sessão que mostrou o code não respondeu a tempo.") from error
        return _linked(account, device)

    async def read_inbox(self, params: Params) -> Params:
        account = self._phone(params)
        try:
            messages = self.phones.inbox.messages(account.number, params.get("since") or None)
        except UnknownMessage as error:
            raise Refusal(400, "O campo since não é o id de uma mensagem deste telefone.") from error
        return {"messages": messages}

    async def list_activity(self, params: Params) -> Params:
        since = params.get("since") or 0
        if not isinstance(since, int):
            raise Refusal(400, "O campo since deve ser o position de uma entrada anterior.")
        return {"activity": self.phones.activity.after(self._phone(params), since)}

    async def read(self, params: Params) -> Params:
        account = self._phone(params)
        chat = find_chat(self.network, account, params, "chat")
        ids = [str(id) for id in params["ids"]] if params.get("ids") is not None else None
        if isinstance(chat, Group):
            return {"ids": self.groups.read(account, chat, ids)}
        return {"ids": self.phones.read(account, chat, ids)}

    async def type(self, params: Params) -> Params:
        account, typing = self._phone(params), flag(params, "typing")
        to = find_chat(self.network, account, params, "to")
        if isinstance(to, Group):
            self.groups.type(account, to, typing)
        else:
            self.phones.type(account, to, typing)
        return {}

    async def show(self, params: Params) -> Params:
        self.presences.set_phone(self._phone(params), flag(params, "available"))
        return {}

    async def unlink(self, params: Params) -> Params:
        account = self._phone(params)
        for number in list(account.devices):
            remove_device(self.network, account, number, tell=True)
        return {}

    def _phone(self, params: Params) -> Account:
        return find_phone(self.network, text(params, "numero"))


def describe_phone(account: Account) -> Params:
    return {
        "numero": account.number,
        "jid": str(account.address()),
        "lid": str(account.hidden_address()),
        "nome": account.name or None,
    }


def _linked(account: Account, device: Device) -> Params:
    return {"jid": str(account.address(device.number)), "name": device.name, "browser": device.browser}
