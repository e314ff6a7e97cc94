"""Pictures as WhatsApp shows them: thumbnails, dimensions, stickers."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence

from flashapi.errors import InvalidInput

THUMBNAIL_SIDE = 100
THUMBNAIL_QUALITY = 60
STICKER_SIDE = 512
STICKER_BYTES, MOVING_STICKER_BYTES = 100_000, 500_000
"""What WhatsApp's clients accept of a sticker that stands still, and of one that moves."""
QUALITIES = (90, 75, 55, 35, 15)
LARGEST_PIXELS = 100_000_000
MOST_FRAMES = 200
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Picture:
    """A picture as it is shown, turned upright."""

    width: int
    height: int
    thumbnail: bytes


@dataclass(frozen=True)
class Sticker:
    """A sticker in WebP. `content` is None where the file can go as it is."""

    content: bytes | None
    width: int
    height: int
    is_moving: bool


def look_at(path: Path, field: str = "image") -> Picture:
    """Measure a picture and make its thumbnail. Raises InvalidInput for one that can't be decoded."""
    try:
        with Image.open(path) as image:
            _refuse_bombs(image, field)
            width, height = ImageOps.exif_transpose(image).size if _is_turned(image) else image.size
            image.draft("RGB", (THUMBNAIL_SIDE * 2, THUMBNAIL_SIDE * 2))  # a JPEG is decoded no larger than needed
            return Picture(width, height, thumbnail(ImageOps.exif_transpose(image)))
    except _DAMAGE:
        raise InvalidInput(f"{field}: a imagem está danificada") from None


def thumbnail(image: Image.Image) -> bytes:
    """A small JPEG."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    jpeg = io.BytesIO()
    _opaque(small).save(jpeg, "JPEG", quality=THUMBNAIL_QUALITY)
    return jpeg.getvalue()


def as_sticker(path: Path) -> Sticker:
    """A sticker of 512 x 512, transparent around the picture; WebP stays as it is. Raises InvalidInput."""
    try:
        with Image.open(path) as image:
            _refuse_bombs(image, "sticker")
            moving = getattr(image, "n_frames", 1) > 1
            if image.format == "WEBP":
                image.load()
                return Sticker(None, image.width, image.height, moving)
            content = _moving_webp(image) if moving else _still_webp(image)
    except _DAMAGE:
        raise InvalidInput("sticker: a imagem está danificada") from None
    return Sticker(content, STICKER_SIDE, STICKER_SIDE, moving)


def _still_webp(image: Image.Image) -> bytes:
    framed = _framed(ImageOps.exif_transpose(image))
    return _small_enough(framed, STICKER_BYTES)


def _moving_webp(image: Image.Image) -> bytes:
    frames: list[Image.Image] = []
    pauses: list[int] = []
    for frame in ImageSequence.Iterator(image):
        if len(frames) >= MOST_FRAMES:
            raise InvalidInput(f"sticker: animações têm no máximo {MOST_FRAMES} quadros")
        frames.append(_framed(frame))
        pauses.append(int(frame.info.get("duration") or 100))
    return _small_enough(
        frames[0], MOVING_STICKER_BYTES, save_all=True, append_images=frames[1:], duration=pauses, loop=0
    )


def _framed(image: Image.Image) -> Image.Image:
    fitted = ImageOps.contain(image.convert("RGBA"), (STICKER_SIDE, STICKER_SIDE))
    framed = Image.new("RGBA", (STICKER_SIDE, STICKER_SIDE))
    framed.paste(fitted, ((STICKER_SIDE - fitted.width) // 2, (STICKER_SIDE - fitted.height) // 2))
    return framed


def _small_enough(image: Image.Image, limit: int, **options: Any) -> bytes:
    """WebP of the best quality that stays within `limit` bytes, else of the least."""
    content = b""
    for quality in QUALITIES:
        webp = io.BytesIO()
        image.save(webp, "WEBP", quality=quality, **options)
        content = webp.getvalue()
        if len(content) <= limit:
            break
    return content


def _opaque(image: Image.Image) -> Image.Image:
    """JPEG knows no transparency: what is transparent becomes white."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(layered, mask=layered.getchannel("A"))
    return white


def _is_turned(image: Image.Image) -> bool:
    return int(image.getexif().get(0x0112, 1)) > 4  # the EXIF orientations that swap width and height


def _refuse_bombs(image: Image.Image, field: str) -> None:
    if image.width * image.height > LARGEST_PIXELS:
        raise InvalidInput(f"{field}: a imagem tem dimensões grandes demais")
