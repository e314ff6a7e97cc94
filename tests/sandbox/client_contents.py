"""Contents of every kind in a real neonize session (see client_program.py): files, polls, changes of messages."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from client_addresses import jid_of
from neonize._binder import consume_bytes_struct, gocode
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import MediaType, VoteType

# neonize forgets this one among the functions whose results it converts, and fails on what it gets.
gocode.DecryptPollVote.errcheck = consume_bytes_struct


class ContentCommands:
    """Mixed into `Session`, which has the client and keeps every message event by its id."""

    client: Any
    kept: dict[str, Any]

    def upload(self, path: str, kind: str) -> dict[str, Any]:
        """Encrypt and upload a file; the fields that a message needs to refer to it, bytes as hex."""
        sent = self.client.upload(Path(path).read_bytes(), MediaType[kind])
        return {
            "URL": sent.url,
            "directPath": sent.DirectPath,
            "mediaKey": sent.MediaKey.hex(),
            "fileSHA256": sent.FileSHA256.hex(),
            "fileEncSHA256": sent.FileEncSHA256.hex(),
            "fileLength": sent.FileLength,
        }

    def send_message(self, to: str, message: str) -> str:
        """Send a protobuf, given in base64; the message's id."""
        return str(self.client.send_message(jid_of(to), Message.FromString(base64.b64decode(message))).ID)

    def download(self, message_id: str) -> dict[str, Any]:
        data = self.client.download_any(self.kept[message_id].Message)
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def react(self, message_id: str, emoji: str) -> str:
        source = self.kept[message_id].Info.MessageSource
        message = self.client.build_reaction(source.Chat, source.Sender, message_id, emoji)
        return str(self.client.send_message(source.Chat, message).ID)

    def edit(self, chat: str, message_id: str, text: str) -> str:
        return str(self.client.edit_message(jid_of(chat), message_id, Message(conversation=text)).ID)

    def revoke(self, chat: str, sender: str, message_id: str) -> str:
        return str(self.client.revoke_message(jid_of(chat), jid_of(sender), message_id).ID)

    def poll(self, to: str, question: str, options: list[str], selectable: int) -> str:
        kind = VoteType.SINGLE if selectable == 1 else VoteType.MULTIPLE
        message = self.client.build_poll_vote_creation(question, options, kind)
        return str(self.client.send_message(jid_of(to), message).ID)

    def vote(self, message_id: str, options: list[str]) -> str:
        info = self.kept[message_id].Info
        return str(self.client.send_message(info.MessageSource.Chat, self.client.build_poll_vote(info, options)).ID)

    def read_vote(self, message_id: str) -> list[str]:
        """The hashes of what was voted for, as hex."""
        return [digest.hex() for digest in self.client.decrypt_poll_vote(self.kept[message_id]).selectedOptions]
