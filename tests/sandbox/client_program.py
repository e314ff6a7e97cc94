"""A real neonize session in a process of its own, driven by JSON lines: `client_program.py CLIENT_FOLDER STORE UUID`.

Commands come on stdin, one object per line with `id` and `do`; answers and events go out on what was stdout, while the
Go library's own prints go to stderr.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_out = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
sys.path.insert(0, sys.argv[1])
sys.path.append(str(Path(__file__).resolve().parents[2]))

from workers.neonize_loader import preload_libmagic  # noqa: E402  the project's folder is only now on the path

preload_libmagic()

from client_addresses import jid_of, text_of  # noqa: E402  the path above decides which neonize this takes
from client_contacts import CONTACT_READERS, ContactCommands  # noqa: E402
from client_contents import ContentCommands  # noqa: E402
from client_groups import GROUP_READERS, GroupCommands  # noqa: E402
from neonize import client as neonize_client  # noqa: E402  the path above decides which copy this is
from neonize import events  # noqa: E402
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: E402
from neonize.utils.enum import ChatPresence, ChatPresenceMedia, Presence, ReceiptType  # noqa: E402

_lock = threading.Lock()


def tell(**fields: Any) -> None:
    with _lock:
        _out.write(json.dumps(fields) + "\n")


class Session(GroupCommands, ContentCommands, ContactCommands):
    """One NewClient and the commands that can be given to it."""

    def __init__(self, store: str, uuid: str) -> None:
        self.client = neonize_client.NewClient(store, uuid=uuid)
        self.client._stop_finalizer.detach()
        self.kept: dict[str, Any] = {}  # every message event by its id, for commands about messages
        self.client.event.qr(lambda _, data: tell(event="qr", text=data.decode()))
        for name, reader in READERS.items():
            self._listen(name, reader)
        self.thread: threading.Thread | None = None

    def _listen(self, name: str, reader: Callable[[Any], dict[str, Any]]) -> None:
        def on_event(_: Any, event: Any) -> None:
            if name == "Message":
                self.kept[event.Info.ID] = event
            tell(event=name, **reader(event))

        self.client.event(getattr(events, f"{name}Ev"))(on_event)

    def connect(self) -> None:
        def run() -> None:
            try:
                self.client.connect()
                tell(event="connect_returned")
            except Exception as error:
                tell(event="connect_failed", error=str(error))

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.client.stop()

    def pair_phone(self, number: str) -> str:
        return str(self.client.PairPhone(number, True))

    def send(self, to: str, text: str) -> dict[str, Any]:
        start = time.monotonic()
        sent = self.client.send_message(jid_of(to), Message(conversation=text))
        return {"id": sent.ID, "timestamp": sent.Timestamp, "seconds": time.monotonic() - start}

    def is_on_whatsapp(self, number: str) -> list[dict[str, Any]]:
        found = self.client.is_on_whatsapp(number)
        return [{"jid": text_of(one.JID), "in": one.IsIn, "query": one.Query} for one in found]

    def mark_read(self, chat: str, ids: list[str]) -> None:
        self.client.mark_read(*ids, chat=jid_of(chat), sender=jid_of(chat), receipt=ReceiptType.READ)

    def show(self, available: bool) -> None:
        self.client.send_presence(Presence.AVAILABLE if available else Presence.UNAVAILABLE)

    def subscribe(self, to: str) -> None:
        self.client.subscribe_presence(jid_of(to))

    def type(self, to: str, typing: bool) -> None:
        state = ChatPresence.CHAT_PRESENCE_COMPOSING if typing else ChatPresence.CHAT_PRESENCE_PAUSED
        self.client.send_chat_presence(jid_of(to), state, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)

    def set_profile_name(self, name: str) -> None:
        self.client.set_profile_name(name)

    def logout(self) -> None:
        self.client.logout()

    def is_logged_in(self) -> bool:
        return bool(self.client.is_logged_in)


def read_message(event: Any) -> dict[str, Any]:
    source = event.Info.MessageSource
    return {
        "message_id": event.Info.ID,
        "chat": text_of(source.Chat),
        "sender": text_of(source.Sender),
        "sender_alt": text_of(source.SenderAlt),
        "from_me": source.IsFromMe,
        "push_name": event.Info.Pushname,
        "text": event.Message.conversation,
        "type": event.Info.Type,
        "edit": event.Info.Edit,
        "message": base64.b64encode(event.Message.SerializeToString()).decode(),
        "content": [field.name for field, _ in event.Message.ListFields()],
    }


READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    **GROUP_READERS,
    **CONTACT_READERS,
    "PairStatus": lambda event: {"jid": text_of(event.ID)},
    "Connected": lambda event: {},
    "Disconnected": lambda event: {},
    "LoggedOut": lambda event: {"on_connect": event.OnConnect},
    "StreamReplaced": lambda event: {},
    "ClientOutdated": lambda event: {},
    "OfflineSyncCompleted": lambda event: {"count": event.Count},
    "Message": read_message,
    "UndecryptableMessage": lambda event: {"message_id": event.Info.ID},
    "Receipt": lambda event: {
        "ids": list(event.MessageIDs),
        "type": event.Type,
        "chat": text_of(event.MessageSource.Chat),
        "sender": text_of(event.MessageSource.Sender),
        "sender_alt": text_of(event.MessageSource.SenderAlt),
    },
    "ChatPresence": lambda event: {
        "chat": text_of(event.MessageSource.Chat),
        "sender": text_of(event.MessageSource.Sender),
        "state": event.State,
    },
    "Presence": lambda event: {
        "from": text_of(event.From),
        "unavailable": event.Unavailable,
        "last_seen": event.LastSeen,
    },
}


def serve() -> None:
    session = Session(sys.argv[2], sys.argv[3])
    tell(event="loaded")
    for line in sys.stdin:
        command = json.loads(line)
        number, do = command.pop("id"), command.pop("do")
        if do == "exit":
            break
        try:
            tell(id=number, result=getattr(session, do)(**command))
        except Exception as error:  # whatever neonize raises is the answer
            tell(id=number, error=f"{type(error).__name__}: {error}")
    os._exit(0)  # a live session's threads would keep the interpreter from ending


if __name__ == "__main__":
    serve()
