"""History syncs: what the phone gives its linked devices of names and chats that were before them.

The sync is a file of its own kind: zlib over the protobuf, encrypted, on the media server, announced by a message
between the account's own devices (whatsmeow, message.go: DownloadHistorySync).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.accounts import Account
from sandbox.media_keys import Sealed
from sandbox.media_server import direct_path_of
from sandbox.messages import Message
from sandbox.protobufs import common, e2e, history_sync, web


@dataclass(frozen=True, slots=True)
class Line:
    """A text in a past chat; `timestamp` in Unix seconds."""

    id: str
    text: str
    from_me: bool
    timestamp: int


@dataclass(frozen=True, slots=True)
class PastChat:
    """A chat as it was before a device was linked."""

    person: Account
    lines: list[Line]


def pack_names(people: Iterable[Account]) -> bytes:
    """The push names of people, as the sync that carries nothing else."""
    names = [
        history_sync.Pushname(ID=str(address), pushname=person.push_name)
        for person in people
        for address in (person.address(), person.hidden_address())
    ]
    return _pack(history_sync.HistorySync(syncType=history_sync.HistorySync.PUSH_NAME, pushnames=names))


def pack_chats(chats: list[PastChat]) -> bytes:
    """Chats, newest message first as phones give them, and who is behind which LID."""
    mappings = [
        history_sync.PhoneNumberToLIDMapping(pnJID=str(chat.person.address()), lidJID=str(chat.person.hidden_address()))
        for chat in chats
    ]
    return _pack(
        history_sync.HistorySync(
            syncType=history_sync.HistorySync.RECENT,
            conversations=[_conversation(chat) for chat in chats],
            phoneNumberToLidMappings=mappings,
            progress=100,
        )
    )


def announce_sync(sealed: Sealed, packed: bytes) -> Message:
    """The message that tells a device where a sync is."""
    kind = history_sync.HistorySync.FromString(zlib.decompress(packed)).syncType
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            type=e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION,
            historySyncNotification=e2e.HistorySyncNotification(
                fileSHA256=sealed.sha256,
                fileEncSHA256=sealed.enc_sha256,
                fileLength=sealed.size,
                mediaKey=sealed.media_key,
                directPath=direct_path_of(sealed.enc_sha256),
                syncType=kind,
                chunkOrder=1,
                progress=100,
            ),
        )
    )


def _pack(sync: Any) -> bytes:
    return zlib.compress(sync.SerializeToString())


def _conversation(chat: PastChat) -> Any:
    address = str(chat.person.hidden_address())
    lines = sorted(chat.lines, key=lambda line: line.timestamp, reverse=True)
    return history_sync.Conversation(
        ID=address,
        name=chat.person.push_name,
        pnJID=str(chat.person.address()),
        lidJID=address,
        unreadCount=0,
        conversationTimestamp=lines[0].timestamp if lines else 0,
        messages=[
            history_sync.HistorySyncMsg(
                msgOrderID=order,
                message=web.WebMessageInfo(
                    key=common.MessageKey(remoteJID=address, fromMe=line.from_me, ID=line.id),
                    message=e2e.Message(conversation=line.text),
                    messageTimestamp=line.timestamp,
                    pushName=chat.person.push_name,
                ),
            )
            for order, line in enumerate(lines)
        ],
    )
