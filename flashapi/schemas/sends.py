"""What every send has in common, whatever its kind: to whom, answering what, mentioning whom, when."""

from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from flashapi.models.base import now_ms
from flashapi.schemas.fields import Flag, Identifier, Recipient, Sentence, TextList, Whole
from flashapi.schemas.inputs import InputSchema
from flashapi.schemas.moments import Moment
from flashapi.schemas.recipients import mentioned

DIRECT_DELAY_MS = 60_000
QUEUED_DELAY_MS = 24 * 60 * 60 * 1000
FARTHEST_MS = 366 * 24 * 60 * 60 * 1000
MESSAGE_ID_LONGEST = 128
EVERYONE = "all"
EXAMPLE_MESSAGE_ID = "3EB0C431C26A1D1F4E2B"


def to_field(missing: Sentence) -> Recipient:
    """The recipient of a send; `missing` is the contract's sentence for a body without what it needs."""
    return Recipient(
        required=True,
        error_messages={"required": missing},
        metadata={
            "description": "Número com DDI (pontuação é ignorada) ou JID completo",
            "example": "5599999999999",
        },
    )


def message_id_field(missing: Sentence | None = None, **options: Any) -> Identifier:
    """The id of a message of this session."""
    needed: dict[str, Any] = {"required": True, "error_messages": {"required": missing}} if missing else {}
    return Identifier(
        validate=_id_length,
        metadata={"description": "Id de uma mensagem desta sessão", "example": EXAMPLE_MESSAGE_ID},
        **needed,
        **options,
    )


def _id_length(value: str) -> None:
    if len(value) > MESSAGE_ID_LONGEST:
        raise ValidationError(f"deve ter no máximo {MESSAGE_ID_LONGEST} caracteres")


def _within_a_year(moment_ms: int) -> None:
    if moment_ms > now_ms() + FARTHEST_MS:
        raise ValidationError("deve estar a no máximo um ano")


class TimedSchema(InputSchema):
    """When a send goes out."""

    delay = Whole(
        low=0,
        high=QUEUED_DELAY_MS,
        load_default=0,
        metadata={
            "description": f"Milissegundos mostrando digitação antes de enviar; até {DIRECT_DELAY_MS} sem fila",
            "example": 1200,
        },
    )
    use_queue = Flag(data_key="useQueue", load_default=False, metadata={"description": "Enviar pela fila da sessão"})
    send_at = Moment(
        data_key="sendAt",
        load_default=None,
        validate=_within_a_year,
        metadata={
            "description": "Quando enviar, até um ano à frente; implica useQueue. No passado: assim que possível",
            "example": "2026-12-24T18:00:00-03:00",
        },
    )
    priority = Whole(
        low=0,
        high=99,
        load_default=0,
        metadata={"description": "Na fila, as de maior prioridade saem antes", "example": 0},
    )

    @validates_schema
    def check_delay(self, data: dict[str, Any], **_: Any) -> None:
        """A caller can wait a minute for a direct send; nobody waits for a queued one."""
        if data["delay"] > DIRECT_DELAY_MS and not (data["use_queue"] or data["send_at"] is not None):
            raise ValidationError(f"deve estar entre 0 e {DIRECT_DELAY_MS} sem useQueue", "delay")

    @post_load
    def queue_what_is_scheduled(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Only the queue can wait for a moment."""
        return {**data, "use_queue": data["use_queue"] or data["send_at"] is not None}


class SendSchema(TimedSchema):
    """A send that can answer a message and mention people."""

    mentions = TextList(
        only_texts=False,
        load_default=list,
        metadata={
            "description": 'Números ou JIDs a mencionar; o que não for ignora-se. "all": todos do grupo',
            "example": ["5599999999999"],
        },
    )
    mention_all = Flag(
        data_key="mentionAll", load_default=False, metadata={"description": "Mencionar todos os membros do grupo"}
    )
    quoted = message_id_field(load_default=None)

    @post_load
    def resolve_mentions(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Turn numbers into JIDs, leave out what is neither, and find "all" among them."""
        everyone = data["mention_all"] or EVERYONE in (entry.strip().lower() for entry in data["mentions"])
        return {**data, "mentions": mentioned(data["mentions"]), "mention_all": everyone}
