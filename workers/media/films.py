"""What WhatsApp shows of a film before it is played: its size, its length, its first picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from flashapi.errors import InvalidInput
from workers.media.pictures import thumbnail

UNREADABLE = "video: o arquivo está danificado ou não tem imagem"


@dataclass(frozen=True)
class Film:
    """A film as it is shown, turned upright."""

    width: int
    height: int
    seconds: int
    thumbnail: bytes


def look_at(path: Path) -> Film:
    """Read a film's head and decode its first picture. Raises InvalidInput."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InvalidInput(UNREADABLE)
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            frame: Any = next(container.decode(stream))
            picture = frame.to_image()
            rotation = frame.rotation
            seconds = round(container.duration / av.time_base) if container.duration else 0
    except (av.FFmpegError, StopIteration, ValueError):
        raise InvalidInput(UNREADABLE) from None
    if rotation % 360:
        picture = picture.rotate(rotation, expand=True)
    return Film(picture.width, picture.height, max(1, seconds), thumbnail(picture))
