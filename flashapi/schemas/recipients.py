"""How people and groups may be named in a request: a phone number with punctuation, or a JID."""

import re
from collections.abc import Iterable

PUNCTUATION = re.compile(r"[\s()+./\-\u2010-\u2015\u00a0]")
NUMBER = re.compile("[0-9]{7,15}")
"""E.164 has 15 digits at most; the shortest national numbers with country code have seven."""
USER_JID = re.compile(r"([0-9]{5,20})(?::[0-9]{1,5})?@(s\.whatsapp\.net|c\.us|lid)")
GROUP_JID = re.compile(r"[0-9]{5,25}(?:-[0-9]{5,15})?@g\.us")


class InvalidRecipient(ValueError):
    """Neither a number nor a JID."""


def recipient(text: str) -> str:
    """The digits of a number, or the JID without a device part; `@c.us` is an old spelling of `@s.whatsapp.net`."""
    text = text.strip()
    if "@" not in text:
        digits = PUNCTUATION.sub("", text)
        if not NUMBER.fullmatch(digits):
            raise InvalidRecipient(text)
        return digits
    if GROUP_JID.fullmatch(text):
        return text
    found = USER_JID.fullmatch(text)
    if found is None:
        raise InvalidRecipient(text)
    user, server = found.groups()
    return f"{user}@{'lid' if server == 'lid' else 's.whatsapp.net'}"


def mentioned(entries: Iterable[str]) -> list[str]:
    """The JIDs to mention; entries that are neither number nor JID of a person are ignored."""
    found = []
    for entry in entries:
        try:
            named = recipient(entry)
        except InvalidRecipient:
            continue
        if not named.endswith("@g.us"):
            found.append(named if "@" in named else f"{named}@s.whatsapp.net")
    return list(dict.fromkeys(found))
