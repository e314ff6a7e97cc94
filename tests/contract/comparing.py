"""What an answer of ours has otherwise than a recorded one: fields missing, added, of another type or another value."""

from collections.abc import Iterator
from typing import Any

VARIABLE = frozenset({
    "id", "clientId", "qrcode", "code", "timestamp", "messageTimestamp", "createdAt", "updatedAt", "lastConnected",
})  # fmt: skip
"""Fields with another value at each recording, so that only its type and form tell anything.

A name in <> is a value, though."""


def differences(recorded: Any, ours: Any, where: str = "") -> set[str]:
    """Each as `path: what`; none for a field that is the same, or varies as it should."""
    return set(_differences(recorded, ours, where))


def _differences(recorded: Any, ours: Any, where: str) -> Iterator[str]:
    if type(recorded) is not type(ours):
        yield f"{where}: {_type(recorded)} became {_type(ours)}"
    elif isinstance(recorded, dict):
        for name in recorded.keys() | ours.keys():
            path = f"{where}.{name}".lstrip(".")
            if name not in ours:
                yield f"{path}: missing"
            elif name not in recorded:
                yield f"{path}: added"
            else:
                yield from _differences(recorded[name], ours[name], path)
    elif isinstance(recorded, list):
        if len(recorded) != len(ours):
            yield f"{where}: {len(recorded)} became {len(ours)} entries"
        for before, now in zip(recorded, ours, strict=False):
            yield from _differences(before, now, f"{where}[]")
    elif where.rsplit(".", 1)[-1] in VARIABLE and not str(ours).startswith("<"):
        if _form(recorded) != _form(ours):
            yield f"{where}: another form"
    elif recorded != ours:
        yield f"{where}: {recorded!r} became {ours!r}"


def _type(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _form(value: Any) -> str:
    """A moment by its punctuation, a picture by its type; of anything else only that it is there."""
    text = str(value)
    if text.startswith("data:"):
        return text.partition(",")[0]
    if text[:4].isdigit() and text[4:5] == "-" and text[10:11] in ("T", " "):
        return "".join("0" if each.isdigit() else each for each in text)
    return "filled" if text else "empty"
