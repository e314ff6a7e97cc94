"""Addresses of the network: who (`5511...`), on which server (phone number or LID), on which device."""

from __future__ import annotations

from dataclasses import dataclass, replace

PHONE_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
LEGACY_SERVER = "c.us"
GROUP_SERVER = "g.us"


@dataclass(frozen=True, slots=True)
class JID:
    """An address; `device` is 0 for a phone and for a person as a whole."""

    user: str
    server: str
    device: int = 0

    def __str__(self) -> str:
        if not self.user:
            return self.server
        return f"{self.user}:{self.device}@{self.server}" if self.device else f"{self.user}@{self.server}"

    @property
    def person(self) -> JID:
        """The address without its device."""
        return replace(self, device=0) if self.device else self

    @classmethod
    def parse(cls, text: str) -> JID:
        """`user@server` or `user:device@server`. Raises ValueError."""
        user, at, server = text.partition("@")
        if not at or not server:
            raise ValueError(f"no JID: {text!r}")
        user, _, device = user.partition(":")
        return cls(user, server, int(device) if device else 0)


SERVER = JID("", PHONE_SERVER)  # the network itself, as `from` of its own stanzas
