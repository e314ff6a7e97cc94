"""What a text in a request may be: its characters, its length, its form. Refusals continue the field's name."""

import re

from marshmallow import ValidationError, validate

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_encodable(text: str) -> bool:
    """False for half of a surrogate pair: JSON can write it, but no database, no WhatsApp and no WebSocket can."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_control(text: str) -> None:
    """A validator: nothing that ends a line or steers a terminal."""
    if CONTROL.search(text):
        raise ValidationError("não pode ter caracteres de controle")


def at_most(longest: int) -> validate.Length:
    """A bound for texts."""
    return validate.Length(max=longest, error=f"deve ter no máximo {longest} caracteres")


class Form(validate.Validator):
    """A form for the whole text, in ASCII: `validate.Regexp` looks at its beginning, and `$` lets a line end through.

    Written with `^` and `$` all the same: it becomes OpenAPI's `pattern`, which may match anywhere.
    """

    def __init__(self, pattern: str, *, error: str) -> None:
        self.regex = re.compile(pattern, re.ASCII)
        self.error: str = error

    def __call__(self, text: str) -> str:
        if self.regex.fullmatch(text) is None:
            raise ValidationError(self.error)
        return text
