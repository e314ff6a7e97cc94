"""Field types that read what the original's clients send: booleans and numbers may be strings, null means default.

Refusals are Portuguese. A plain text continues the field's name ("deve ser um número inteiro"); a `Sentence` stands
alone, in the contract's words.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing, validate

from flashapi.schemas.recipients import InvalidRecipient, recipient


class Sentence(str):
    """A refusal that is already a whole sentence."""


REQUIRED = "é obrigatório"


class _Lenient(fields.Field[Any]):
    """Reads null, and an empty string where something is required, as if the field were not there."""

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        absent = value is None or (value == "" and self.required)
        return super().deserialize(missing if absent else value, attr, data, **kwargs)


class Text(_Lenient, fields.String):
    """A string; numbers are read as their digits."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser um texto"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which neither database nor WhatsApp can hold
            raise self.make_error("invalid") from None
        return value


class Flag(_Lenient, fields.Boolean):
    """A boolean, also as "true", "false", "1" or "0"; an empty string means the default."""

    default_error_messages = {"required": REQUIRED, "invalid": "deve ser true ou false"}

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        return super().deserialize(None if value == "" else value, attr, data, **kwargs)


class Whole(_Lenient, fields.Integer):
    """A whole number between two bounds, also as a string; an empty string means the default."""

    default_error_messages = {
        "required": REQUIRED,
        "invalid": "deve ser um número inteiro",
        "too_large": "deve ser um número inteiro",
    }

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:
        outside = f"deve estar entre {low} e {high}"
        super().__init__(validate=validate.Range(min=low, max=high, error=outside), **kwargs)

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        return super().deserialize(None if value == "" else value, attr, data, **kwargs)

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


class Decimal(_Lenient, fields.Float):
    """A number between two bounds, also as a string."""

    default_error_messages = {
        "required": REQUIRED,
        "invalid": "deve ser um número",
        "too_large": "deve ser um número",
        "special": "deve ser um número",
    }

    def __init__(self, *, low: float, high: float, **kwargs: Any) -> None:
        outside = f"deve estar entre {low:g} e {high:g}"
        super().__init__(validate=validate.Range(min=low, max=high, error=outside), **kwargs)

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        return super().deserialize(None if value == "" else value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class TextList(_Lenient, fields.List[str]):
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
        texts = [str(item) for item in value if isinstance(item, (str, int)) and not isinstance(item, bool)]
        if self.only_texts and len(texts) < len(value):
            raise self.make_error("invalid")
        return texts


class Recipient(Text):
    """A phone number, however it is written, or a JID."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return recipient(text)
        except InvalidRecipient:
            raise ValidationError("deve ser um número de telefone com DDI ou um JID do WhatsApp") from None
