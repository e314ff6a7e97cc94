"""`phone.send`: what a phone's owner can send, of every kind, with checked parameters."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from sandbox import contents, messages
from sandbox.accounts import Account
from sandbox.control import Operation
from sandbox.group_messaging import may_write
from sandbox.group_phones import GroupPhones
from sandbox.groups import Group
from sandbox.inbox import Kept
from sandbox.media_files import MediaFiles
from sandbox.media_keys import INFOS, Sealed
from sandbox.media_server import direct_path_of
from sandbox.parameters import (
    Params,
    decoded,
    find_chat,
    find_person,
    find_phone,
    flag,
    number,
    objects,
    optional_count,
    optional_text,
    text,
    texts,
)
from sandbox.phones import Phones
from sandbox.refusals import Refusal
from sandbox.votes import NoPoll, UnknownOption, cast_vote, options_of, poll_author

LARGEST_FILE = 128 << 20
PIECE = 1 << 20
MIMETYPES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/octet-stream",
    "sticker": "image/webp",
}

Chat = Account | Group
Composed = tuple[messages.Message, Sealed | None]


class SendOperations:
    """One method per kind of message."""

    def __init__(self, phones: Phones, groups: GroupPhones, files: MediaFiles) -> None:
        self.network = phones.network
        self.inbox = phones.inbox
        self.phones = phones
        self.groups = groups
        self.files = files
        self.kinds: dict[str, Callable[[Account, Chat, Params], Awaitable[Composed]]] = {
            "text": self._text,
            "image": self._file,
            "video": self._file,
            "audio": self._file,
            "document": self._file,
            "sticker": self._file,
            "location": self._location,
            "contact": self._contact,
            "poll": self._poll,
            "reaction": self._reaction,
            "edit": self._edit,
            "revoke": self._revoke,
            "vote": self._vote,
        }

    def by_name(self) -> dict[str, Operation]:
        return {"phone.send": self.send}

    async def send(self, params: Params) -> Params:
        account = find_phone(self.network, text(params, "numero"))
        chat = find_chat(self.network, account, params, "to")
        compose = self.kinds.get(params.get("type") or "text")
        if compose is None:
            raise Refusal(400, f"O campo type deve ser um destes: {', '.join(self.kinds)}.")
        message, sealed = await compose(account, chat, params)
        self._add_context(account, params, message)
        id, timestamp = self._send(account, chat, message)
        size, sha256 = (sealed.size, sealed.sha256.hex()) if sealed else (None, None)
        return {"id": id, "timestamp": timestamp, "size": size, "sha256": sha256}

    def _send(self, account: Account, chat: Chat, message: messages.Message) -> tuple[str, int]:
        """Send to a person or a group; the message's id and its time in Unix seconds."""
        if isinstance(chat, Account):
            return self.phones.send(account, chat, message)
        if not may_write(chat, account):
            raise Refusal(403, "Só os administradores escrevem neste grupo.")
        return self.groups.send(account, chat, message)

    def _add_context(self, account: Account, params: Params, message: messages.Message) -> None:
        try:
            if params.get("mentions"):
                people = [find_person(self.network, name, "mentions") for name in texts(params, "mentions")]
                contents.add_mentions(message, [str(person.hidden_address()) for person in people])
            if id := optional_text(params, "quoted"):
                kept = self._kept(account, id, "quoted")
                author = kept.sender_lid or str(account.hidden_address())
                contents.add_quote(message, id, author, messages.decode(kept.message))
        except contents.NoContext as error:
            raise Refusal(400, "Este type não aceita os campos quoted e mentions.") from error

    async def _text(self, account: Account, chat: Chat, params: Params) -> Composed:
        preview = params.get("preview")
        if preview is not None:
            if not isinstance(preview, dict):
                raise Refusal(400, "O campo preview deve ser um objeto.")
            text(preview, "url"), text(preview, "title"), optional_text(preview, "description")
        return contents.write_text(text(params, "text"), preview), None

    async def _file(self, account: Account, chat: Chat, params: Params) -> Composed:
        kind = params["type"]
        fields: dict[str, Any] = {"mimetype": optional_text(params, "mimetype") or MIMETYPES[kind]}
        if kind in ("image", "video", "document"):
            fields["caption"] = optional_text(params, "caption")
        if kind in ("image", "video"):
            fields |= {name: optional_count(params, name) for name in ("width", "height")}
        if kind in ("video", "audio"):
            fields["seconds"] = optional_count(params, "seconds")
        if kind == "video":
            fields["gifPlayback"] = flag(params, "gif", False) or None
        elif kind == "audio":
            fields["PTT"] = flag(params, "ptt", False)
        elif kind == "document":
            fields["fileName"] = fields["title"] = text(params, "fileName")
        elif kind == "sticker":
            fields["isAnimated"] = flag(params, "animated", False)
        view_once = kind in ("image", "video") and flag(params, "viewOnce", False)
        sealed = await self.files.seal(self._pieces(params), INFOS[f"{kind}Message"])
        path = direct_path_of(sealed.enc_sha256)
        declared = optional_count(params, "declaredSize")
        told = sealed if declared is None else replace(sealed, size=declared)
        stored = contents.StoredFile(told, path, f"https://{self.network.media_host}{path}")
        return contents.write_file(kind, stored, view_once=view_once, **fields), sealed

    def _pieces(self, params: Params) -> Iterator[bytes]:
        """The file that is given, or one of so many random bytes."""
        size = optional_count(params, "size")
        if size is None:
            return iter([decoded(params, "data")])
        if not 0 < size <= LARGEST_FILE:
            raise Refusal(400, f"O campo size deve ser um número de 1 a {LARGEST_FILE}.")
        return (os.urandom(min(PIECE, size - start)) for start in range(0, size, PIECE))

    async def _location(self, account: Account, chat: Chat, params: Params) -> Composed:
        latitude, longitude = number(params, "latitude", -90, 90), number(params, "longitude", -180, 180)
        name, address = optional_text(params, "name"), optional_text(params, "address")
        return contents.write_location(latitude, longitude, name, address), None

    async def _contact(self, account: Account, chat: Chat, params: Params) -> Composed:
        cards = objects(params, "contacts") if params.get("contacts") is not None else [params]
        return contents.write_contacts([(text(card, "name"), text(card, "vcard")) for card in cards]), None

    async def _poll(self, account: Account, chat: Chat, params: Params) -> Composed:
        options, selectable = texts(params, "options"), optional_count(params, "selectable")
        if not 2 <= len(options) <= 12 or len(set(options)) < len(options):
            raise Refusal(400, "O campo options deve ter de 2 a 12 opções, todas diferentes.")
        selectable = 1 if selectable is None else selectable
        if selectable > len(options):
            raise Refusal(400, "O campo selectable não pode passar do número de opções.")
        return contents.write_poll(text(params, "question"), options, selectable), None

    async def _reaction(self, account: Account, chat: Chat, params: Params) -> Composed:
        emoji = params.get("emoji")
        if not isinstance(emoji, str):
            raise Refusal(400, "O campo emoji deve ser um texto; vazio, retira a reação.")
        return contents.react(self._key(account, chat, params), emoji), None

    async def _edit(self, account: Account, chat: Chat, params: Params) -> Composed:
        key, original = self._key(account, chat, params), self._kept(account, text(params, "target"), "target")
        if not key.fromMe:
            raise Refusal(400, "O campo target deve ser de uma mensagem deste telefone.")
        return contents.edit(key, messages.decode(original.message), text(params, "text")), None

    async def _revoke(self, account: Account, chat: Chat, params: Params) -> Composed:
        key = self._key(account, chat, params)
        if not key.fromMe and not (isinstance(chat, Group) and chat.is_admin(account)):
            raise Refusal(403, "Só administradores apagam mensagens de outros, e só em grupos.")
        return contents.revoke(key), None

    async def _vote(self, account: Account, chat: Chat, params: Params) -> Composed:
        choices = texts(params, "choices")
        kept = self._kept(account, text(params, "target"), "target")
        poll, author = messages.decode(kept.message), poll_author(self.network, account, kept)
        try:
            if author is None:
                raise NoPoll
            return cast_vote(poll, self._key(account, chat, params), author, account, choices), None
        except NoPoll as error:
            raise Refusal(400, "O campo target não é de uma enquete.") from error
        except UnknownOption as error:
            raise Refusal(400, f"O campo choices só aceita estas opções: {', '.join(options_of(poll))}.") from error

    def _key(self, account: Account, chat: Chat, params: Params) -> contents.Key:
        """The message named by `target`, as this phone refers to it."""
        id = text(params, "target")
        kept, own = self._kept(account, id, "target"), str(account.hidden_address())
        author = kept.sender_lid or own
        if isinstance(chat, Group):
            return contents.refer_to(str(chat.jid), id, from_me=author == own, participant=author)
        return contents.refer_to(str(chat.hidden_address()), id, from_me=author == own, participant=None)

    def _kept(self, account: Account, id: str, field: str) -> Kept:
        kept = self.inbox.find(account.number, id)
        if kept is None:
            raise Refusal(400, f"O campo {field} não é o id de uma mensagem deste telefone.")
        return kept
