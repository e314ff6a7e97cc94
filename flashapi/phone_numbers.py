"""Brazilian mobile numbers have two spellings, with and without the ninth digit, of which WhatsApp knows one."""

import re

_BRAZILIAN_MOBILE = re.compile(r"55(\d\d)(9?)([6-9]\d{7})")


def spellings(number: str) -> list[str]:
    """The number as asked, and for a Brazilian mobile the other spelling, with or without the ninth digit."""
    match = _BRAZILIAN_MOBILE.fullmatch(number)
    if match is None:
        return [number]
    area, ninth, rest = match.groups()
    return [number, f"55{area}{rest}" if ninth else f"55{area}9{rest}"]
