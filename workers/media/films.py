"""What WhatsApp shows of a film before it is played: its size, its length, its first picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from flashapi.errors import InvalidInput
from workers.media.pictures import AT_MOST, LARGEST_PIXELS, thumbnail

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
            _refuse_bombs(stream.width, stream.height)
            stream.codec_context.skip_frame = "NONKEY"
            frame: Any = next(container.decode(stream))
            _refuse_bombs(frame.width, frame.height)
            picture = frame.to_image()
            rotation = frame.rotation
            seconds = round(container.duration / av.time_base) if container.duration else 0
    except (av.FFmpegError, StopIteration, ValueError):
        raise InvalidInput(UNREADABLE) from None
    if rotation % 360:
        picture = picture.rotate(rotation, expand=True)
    width, height = picture.size
    return Film(width, height, max(1, seconds), thumbnail(picture))


def _refuse_bombs(width: int, height: int) -> None:
    if width * height > LARGEST_PIXELS:
        raise InvalidInput(f"video: o vídeo tem {width} x {height} pixels; {AT_MOST}")
