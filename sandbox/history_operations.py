"""`phone.history`: the phone syncs names and past chats to its linked devices."""

from __future__ import annotations

import secrets

from sandbox.control import Operation
from sandbox.history import Line, PastChat, announce_sync, pack_chats, pack_names
from sandbox.media_files import MediaFiles
from sandbox.media_keys import INFOS
from sandbox.parameters import Params, find_person, find_phone, flag, number, objects, text
from sandbox.phones import Phones

LAST_SECOND = 1 << 32


class HistoryOperations:
    """The one operation on histories."""

    def __init__(self, phones: Phones, files: MediaFiles) -> None:
        self.phones = phones
        self.network = phones.network
        self.files = files

    def by_name(self) -> dict[str, Operation]:
        return {"phone.history": self.sync}

    async def sync(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        chats = [self._chat(chat) for chat in objects(params, "chats")]
        for packed in (pack_names(chat.person for chat in chats), pack_chats(chats)):
            sealed = await self.files.seal(iter([packed]), INFOS["history"])
            self.phones.tell_own_devices(account, announce_sync(sealed, packed))
        return {"messages": sum(len(chat.lines) for chat in chats)}

    def _chat(self, chat: Params) -> PastChat:
        person = find_person(self.network, text(chat, "with"), "with")
        lines = [
            Line(
                id=secrets.token_hex(16).upper(),
                text=text(line, "text"),
                from_me=flag(line, "fromMe", False),
                timestamp=int(number(line, "timestamp", 0, LAST_SECOND)),
            )
            for line in objects(chat, "messages")
        ]
        return PastChat(person, lines)
