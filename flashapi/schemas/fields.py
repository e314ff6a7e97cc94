"""Field types that read what the original's clients send: booleans and numbers may be strings, null means default.

Refusals are Portuguese. A plain text continues the field's name ("deve ser um número inteiro"); a `Sentence` stands
alone, in the contract's words.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing, validate

from flashapi.schemas.recipients import InvalidRecipient, recipient
from flashapi.schemas.texts import is_encodable


class Sentence(str):
    """A refusal that is already a whole sentence."""


REQUIRED = "é obrigatório"


class Lenient(fields.Field[Any]):
    """Reads null, unless the field may be null, as if the field were not there; an empty string where that says it."""

    empty_is_absent: bool | None = None
    """None: only where something is required."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        empty_is_absent = self.required if self.empty_is_absent is None else self.empty_is_absent
        absent = (value is None and not self.allow_none) or (empty_is_absent and value == "")
        return super().deserialize(missing if absent else value, attr, data, **kwargs)


class Text(Lenient, fields.String):
    """A string; numbers are read as their digits."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser um texto"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not is_encodable(value):
            raise self.make_error("invalid")
        return value


class Identifier(Text):
    """The name or id of something; an empty one names nothing."""

    empty_is_absent = True


class Emoji(Text):
    """The emoji of a reaction; an empty one takes the reaction back."""

    empty_is_absent = False


class Flag(Lenient, fields.Boolean):
    """A boolean, also as "true", "false", "1" or "0"; an empty string means the default."""

    empty_is_absent = True
    default_error_messages = {"required": REQUIRED, "invalid": "deve ser true ou false"}


class Whole(Lenient, fields.Integer):
    """A whole number between two bounds, also as a string; an empty string means the default."""

    empty_is_absent = True
    default_error_messages = {
        "required": REQUIRED,
        "invalid": "deve ser um número inteiro",
        "too_large": "deve ser um número inteiro",
    }

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:
        outside = f"deve estar entre {low} e {high}"
        super().__init__(validate=validate.Range(min=low, max=high, error=outside), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value  # a float would round it
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self.make_error("invalid", input=value) from None
        if isinstance(value, bool) or not number.is_integer():
            raise self.make_error("invalid", input=value)
        return int(value) if str(value).strip().isdecimal() else int(number)


class Decimal(Lenient, fields.Float):
    """A number between two bounds, also as a string."""

    empty_is_absent = True
    default_error_messages = {
        "required": REQUIRED,
        "invalid": "deve ser um número",
        "too_large": "deve ser um número",
        "special": "deve ser um número",
    }

    def __init__(self, *, low: float, high: float, **kwargs: Any) -> None:
        outside = f"deve estar entre {low:g} e {high:g}"
        super().__init__(validate=validate.Range(min=low, max=high, error=outside), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class TextList(Lenient, fields.List[str]):
    """A list of strings; one string is read as a list parted by commas, since a form may hold no more."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser uma lista de textos"}

    def __init__(self, *, only_texts: bool = True, **kwargs: Any) -> None:
        """Entries that aren't text are refused, or left out where `only_texts` is false."""
        super().__init__(fields.String(), **kwargs)
        self.only_texts = only_texts

    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[str]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise self.make_error("invalid")
        plain = [str(item) for item in value if isinstance(item, (str, int)) and not isinstance(item, bool)]
        texts = [text for text in plain if is_encodable(text)]
        if self.only_texts and len(texts) < len(value):
            raise self.make_error("invalid")
        return texts


class Object(Lenient, fields.Dict):
    """An object of whatever fields."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser um objeto"}


class Nested(Lenient, fields.Nested):
    """An object with a schema of its own."""

    default_error_messages = {"required": REQUIRED}
    empty_is_absent = True


class ListOf(Lenient, fields.List[Any]):
    """A list of what another field reads."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser uma lista"}
    empty_is_absent = True


class Recipient(Text):
    """A phone number, however it is written, or a JID."""

    empty_is_absent = True

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return recipient(text)
        except InvalidRecipient:
            raise ValidationError("deve ser um número de telefone com DDI ou um JID do WhatsApp") from None
