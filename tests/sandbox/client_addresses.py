"""neonize's addresses as text and back; imported by the client programs once the path names the copy of neonize."""

from __future__ import annotations

from typing import Any

from neonize.proto import Neonize_pb2 as proto


def jid_of(text: str) -> Any:
    """The JID message of `user@server`; a bare number is a phone number."""
    user, _, server = text.partition("@")
    return proto.JID(User=user, Server=server or "s.whatsapp.net", Device=0, RawAgent=0, Integrator=0, IsEmpty=False)


def text_of(jid: Any) -> str:
    device = f":{jid.Device}" if jid.Device else ""
    return f"{jid.User}{device}@{jid.Server}"
