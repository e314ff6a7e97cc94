"""Sends that carry a file, in any of the ways it may be handed in."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from flashapi.media.sources import InvalidSource, Source, Upload, read_source
from flashapi.schemas.envelope import envelope
from flashapi.schemas.fields import Flag, Sentence, Text
from flashapi.schemas.messages import SentSchema
from flashapi.schemas.sends import SendSchema, to_field
from flashapi.schemas.texts import Form, at_most, refuse_control

NO_IMAGE = Sentence("to e image são obrigatórios")
NO_VIDEO = Sentence("to e video são obrigatórios")
NO_AUDIO = Sentence("to e audio são obrigatórios")
NO_DOCUMENT = Sentence("to, document e fileName são obrigatórios")
NO_STICKER = Sentence("to e sticker são obrigatórios")
CAPTION_LONGEST = 65_536
FILE_NAME_LONGEST = 255
_VALUE = r'("[\w.,+ -]+"|[\w.,+-]+( +[\w.,+-]+)*)'
MIMETYPE = Form(
    rf"^([\w.+-]+/[\w.+-]+( *; *[\w-]+={_VALUE})*)?$", error="deve ser um tipo MIME, como application/pdf"
)
"""Each space can belong to one part only; where two could take it, a long text would be tried in every way."""
WAYS = "URL http(s), data URL, base64, ou um arquivo em multipart/form-data"


class FileField(Text):
    """A file: a text that says where it is or what it holds, or one that was uploaded."""

    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Source:
        if isinstance(value, Upload):
            return value
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            return read_source(text.strip())
        except InvalidSource:
            raise ValidationError(f"deve ser {WAYS}") from None


def file_field(missing: Sentence, example: str) -> FileField:
    """The file of a send; `missing` is the contract's sentence for a body without what it needs."""
    return FileField(
        required=True,
        error_messages={"required": missing, "invalid": f"deve ser {WAYS}"},
        metadata={"description": WAYS, "example": f"https://exemplo.com.br/{example}"},
    )


def _caption() -> Text:
    return Text(
        load_default="",
        validate=at_most(CAPTION_LONGEST),
        metadata={"description": "Legenda", "example": "Veja só"},
    )


class ImageSchema(SendSchema):
    """A picture to send."""

    to = to_field(NO_IMAGE)
    image = file_field(NO_IMAGE, "foto.jpg")
    caption = _caption()


class VideoSchema(SendSchema):
    """A film to send."""

    to = to_field(NO_VIDEO)
    video = file_field(NO_VIDEO, "filme.mp4")
    caption = _caption()
    gif_playback = Flag(
        data_key="gifPlayback", load_default=False, metadata={"description": "Mostrar como GIF: sem som, repetindo"}
    )


class AudioSchema(SendSchema):
    """A sound to send."""

    to = to_field(NO_AUDIO)
    audio = file_field(NO_AUDIO, "audio.mp3")
    ptt = Flag(load_default=False, metadata={"description": "Mensagem de voz: convertida para Opus se preciso"})


class DocumentSchema(SendSchema):
    """A file of any type to send."""

    to = to_field(NO_DOCUMENT)
    document = file_field(NO_DOCUMENT, "contrato.pdf")
    file_name = Text(
        data_key="fileName",
        required=True,
        error_messages={"required": NO_DOCUMENT},
        validate=validate.And(at_most(FILE_NAME_LONGEST), refuse_control),
        metadata={"example": "contrato.pdf"},
    )
    mimetype = Text(
        load_default=None,
        validate=MIMETYPE,
        metadata={
            "description": "Deve corresponder ao conteúdo; sem ele, vale o que o conteúdo diz",
            "example": "application/pdf",
        },
    )
    caption = _caption()


class StickerSchema(SendSchema):
    """A sticker to send."""

    to = to_field(NO_STICKER)
    sticker = file_field(NO_STICKER, "figurinha.webp")


class SentFileSchema(Schema):
    """The file that was really sent, conversions done."""

    mimetype = fields.String(metadata={"example": "audio/ogg; codecs=opus"})
    size = fields.Integer(metadata={"description": "Bytes"})
    sha256 = fields.String(metadata={"description": "Em hexadecimal"})


class SentMediaSchema(SentSchema):
    """As for every send; `media` once it was sent."""

    media = fields.Nested(SentFileSchema)


SentMediaAnswer = envelope("MediaSent", SentMediaSchema)
