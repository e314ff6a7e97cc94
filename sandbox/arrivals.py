"""From a decrypted message to the entry in a phone's inbox: files are fetched and checked first, votes are read.

What arrives while a file is being read waits behind it, so that the inbox keeps the order of arrival.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from sandbox import messages
from sandbox.accounts import Account
from sandbox.ciphers import DecryptionFailed
from sandbox.descriptions import Details, Shown, describe
from sandbox.inbox import Envelope, Inbox
from sandbox.media_files import MediaFiles
from sandbox.media_keys import INFOS, DamagedFile, Sealed, open_file
from sandbox.media_server import file_name_in
from sandbox.network import Network
from sandbox.votes import poll_author, read_vote

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reference:
    """What a message says about its file."""

    name: str
    info: bytes
    sealed: Sealed


class Arrivals:
    """Puts messages into the inboxes."""

    def __init__(self, network: Network, inbox: Inbox, files: MediaFiles) -> None:
        self.network = network
        self.inbox = inbox
        self.files = files
        self._last: dict[str, asyncio.Task[None]] = {}  # the last entry of each phone that waits for a file

    def show(self, account: Account, envelope: Envelope, message: messages.Message, *, mine: bool) -> None:
        """Put a decrypted message into the inbox, if there is anything to show; the phone's own is read already."""
        shown = describe(message)
        if shown is None:
            return
        if shown["type"] == "pollUpdateMessage":
            shown["details"] = self._read_vote(account, envelope, message.pollUpdateMessage)
        reference, before = _reference_in(message), self._last.get(account.number)
        if reference is None and before is None:
            self._add(account, envelope, message, shown, mine)
            return
        task = asyncio.create_task(self._show_later(account, envelope, message, shown, mine, reference, before))
        self._last[account.number] = task
        task.add_done_callback(lambda done: self._forget(account, done))

    async def settle(self) -> None:
        """Wait until everything that has arrived is shown."""
        if self._last:
            await asyncio.wait(list(self._last.values()))

    async def _show_later(
        self,
        account: Account,
        envelope: Envelope,
        message: messages.Message,
        shown: Shown,
        mine: bool,
        reference: Reference | None,
        before: asyncio.Task[None] | None,
    ) -> None:
        if reference:
            await self._read_file(account, shown, reference)
        if before:
            await asyncio.wait([before])
        self._add(account, envelope, message, shown, mine)

    def _add(self, account: Account, envelope: Envelope, message: messages.Message, shown: Shown, mine: bool) -> None:
        content: Any = shown
        self.inbox.add(account.number, envelope, content, read=mine, message=messages.encode(message))

    async def _read_file(self, account: Account, shown: Shown, reference: Reference) -> None:
        """Replace what the sender says about the file by what it is."""
        shown["size"] = shown["sha256"] = None
        path = self.files.find(reference.name)
        if path is None:
            shown["details"]["error"] = "media_unavailable"
            return
        try:
            opened = await asyncio.to_thread(open_file, path, reference.sealed, reference.info)
        except (DamagedFile, FileNotFoundError) as error:
            log.warning("phone_cannot_open_file", account=account.number, name=reference.name, error=repr(error))
            shown["details"]["error"] = "media_damaged" if isinstance(error, DamagedFile) else "media_unavailable"
            return
        shown["size"], shown["sha256"] = opened.size, opened.sha256.hex()

    def _read_vote(self, account: Account, envelope: Envelope, update: Any) -> Details:
        """The texts of the options that were chosen; needs the poll, whose secret is the key."""
        poll = self.inbox.find(account.number, update.pollCreationMessageKey.ID)
        voter = self.network.directory.by_number(envelope.sender.partition("@")[0])
        author = poll_author(self.network, account, poll) if poll else None
        if poll is None or voter is None or author is None:
            return {"error": "poll_unknown"}
        try:
            return {"choices": read_vote(messages.decode(poll.message), update, author, voter)}
        except DecryptionFailed:
            return {"error": "vote_undecryptable"}

    def _forget(self, account: Account, task: asyncio.Task[None]) -> None:
        if self._last.get(account.number) is task:
            del self._last[account.number]
        if not task.cancelled() and (error := task.exception()):
            log.error("arrival_failed", account=account.number, exc_info=error)


def _reference_in(message: messages.Message) -> Reference | None:
    """The file a message refers to, if it does."""
    found = messages.content_of(message)
    if found is None or found[0] not in INFOS:
        return None
    name, content = found
    sealed = Sealed(content.mediaKey, content.fileSHA256, content.fileEncSHA256, content.fileLength)
    return Reference(file_name_in(content.directPath), INFOS[name], sealed)
