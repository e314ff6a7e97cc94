"""What a phone's owner does with the profile: picture, "about" text, blocking; and what the network holds of it."""

from __future__ import annotations

from dataclasses import asdict

from sandbox.control import Operation
from sandbox.network import Network
from sandbox.operations import describe_phone
from sandbox.parameters import Params, decoded, find_person, find_phone, flag, text
from sandbox.pictures import InvalidImage
from sandbox.profiles import announce_about, announce_blocking, announce_picture
from sandbox.refusals import Refusal

LONGEST_ABOUT = 139


class ProfileOperations:
    """The operations on profiles."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def by_name(self) -> dict[str, Operation]:
        return {
            "phone.picture": self.set_picture,
            "phone.status": self.set_about,
            "phone.block": self.block,
            "phone.info": self.show,
        }

    async def set_picture(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        if params.get("data") is None:
            self.network.pictures.remove(account.number)
            announce_picture(self.network, account)
            return {"id": None, "size": None, "sha256": None}
        try:
            picture = self.network.pictures.set(account.number, decoded(params, "data"))
        except InvalidImage as error:
            raise Refusal(400, "O campo data não é uma imagem JPEG de até 5 MB.") from error
        announce_picture(self.network, account)
        return asdict(picture)

    async def set_about(self, params: Params) -> Params:
        account, about = find_phone(self.network, text(params, "numero")), params.get("text")
        if not isinstance(about, str) or len(about) > LONGEST_ABOUT:
            raise Refusal(400, f"O campo text deve ser um texto de até {LONGEST_ABOUT} caracteres.")
        self.network.preferences.set_about(account, about)
        announce_about(self.network, account)
        return {}

    async def block(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        other, blocked = find_person(self.network, text(params, "jid"), "jid"), flag(params, "blocked")
        if self.network.preferences.set_blocked(account, other, blocked):
            announce_blocking(self.network, account, other, blocked)
        return {}

    async def show(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        preferences, picture = self.network.preferences, self.network.pictures.of(account.number)
        blocked = [self.network.directory.by_number(number) for number in preferences.blocked(account)]
        return describe_phone(account) | {
            "status": preferences.about(account),
            "picture": asdict(picture) if picture else None,
            "blocklist": [str(person.address()) for person in blocked if person],
            "privacy": preferences.privacy(account),
        }
