"""The base of the schemas that requests are loaded with."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from marshmallow import EXCLUDE, Schema, ValidationError
from marshmallow.exceptions import SCHEMA


class InputSchema(Schema):
    """Ignores what it doesn't know, nested or not, and names what it refuses by its path, as `contacts[0].vcard`."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "deve ser um objeto"}

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **_: Any) -> NoReturn:
        """Refuse with one path for each refusal in place of marshmallow's tree; a nested schema has done so itself."""
        raise ValidationError(dict(_by_path(error.messages_dict)), data=data, valid_data=error.valid_data) from None


def _by_path(refusals: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, refused in refusals.items():
        path = _path(before, name)
        if isinstance(refused, Mapping):
            yield from _by_path(refused, path)
        else:
            yield path, refused


def _path(before: str, name: str | int) -> str:
    if name == SCHEMA and before:  # it is about the object itself
        return before
    if isinstance(name, int):
        return f"{before}[{name}]"
    return f"{before}.{name}" if before else name
