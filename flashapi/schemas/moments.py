"""A moment in a request: ISO 8601 with its offset, or milliseconds since the epoch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flashapi.schemas.fields import Text


class Moment(Text):
    """A moment, as milliseconds since the epoch; one before counts as the epoch, which is long past as well."""

    empty_is_absent = True
    default_error_messages = {"moment": "deve ser uma data ISO 8601 com fuso (2026-11-25T10:00:00-03:00)"}

    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        text = super()._deserialize(value, attr, data, **kwargs).strip()
        if text.isascii() and text.isdigit() and len(text) <= 15:
            return int(text)
        try:
            moment = datetime.fromisoformat(text.replace(" ", "+"))  # a "+" not escaped in a query arrives as a space
        except ValueError:
            raise self.make_error("moment") from None
        if moment.tzinfo is None:
            raise self.make_error("moment")
        return max(0, round(moment.timestamp() * 1_000))
