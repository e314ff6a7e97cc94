"""Pictures as WhatsApp shows them: thumbnails, dimensions, stickers, the pictures of groups.

A decoded picture takes four bytes a pixel, however small its file is, and whatever turns or converts it makes another
of that size. So pictures are shrunk before anything else, and what would be too much even so is refused.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
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
PROFILE_SIDE = 640
PROFILE_QUALITY = 85
LARGEST_PIXELS = 25_000_000
"""Of what is decoded: 100 MB. A JPEG may have more, since it is decoded no larger than needed."""
MOST_FRAMES = 200
AT_MOST = "o máximo é de 25 megapixels"
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError)


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
    with _opened(path, field, THUMBNAIL_SIDE) as (image, (width, height)):
        if _is_turned(image):
            width, height = height, width
        return Picture(width, height, thumbnail(image))


def preview(path: Path) -> bytes | None:
    """The thumbnail of a picture that goes as a document. None where it can't be made: a document does without."""
    try:
        return look_at(path).thumbnail
    except InvalidInput:
        return None


def thumbnail(image: Image.Image) -> bytes:
    """A small JPEG, upright. Of `image` nothing else is left."""
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return _jpeg(ImageOps.exif_transpose(image), THUMBNAIL_QUALITY)


def as_profile_picture(path: Path) -> bytes:
    """A picture cut to a square, as a JPEG. Raises InvalidInput."""
    with _opened(path, "image", PROFILE_SIDE) as (image, _size):
        side = min(PROFILE_SIDE, *image.size)
        upright = ImageOps.exif_transpose(_shrunk(image, PROFILE_SIDE / min(image.size)))
        return _jpeg(ImageOps.fit(upright, (side, side)), PROFILE_QUALITY)


def as_sticker(path: Path) -> Sticker:
    """A sticker of 512 x 512, transparent around the picture; WebP stays as it is. Raises InvalidInput."""
    with _opened(path, "sticker", STICKER_SIDE) as (image, _size):
        moving = getattr(image, "n_frames", 1) > 1
        if image.format == "WEBP":
            image.load()
            return Sticker(None, image.width, image.height, moving)
        content = _moving_webp(image) if moving else _still_webp(image)
    return Sticker(content, STICKER_SIDE, STICKER_SIDE, moving)


def _still_webp(image: Image.Image) -> bytes:
    small = _shrunk(image, STICKER_SIDE / max(image.size))
    return _small_enough(_framed(ImageOps.exif_transpose(small)), STICKER_BYTES)


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


def _shrunk(image: Image.Image, scale: float) -> Image.Image:
    """The picture at this scale, if that makes it smaller. Colours are mixed, which those of a palette can't be."""
    if image.mode in ("P", "1") or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image.thumbnail((math.ceil(image.width * scale), math.ceil(image.height * scale)))
    return image


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


def _jpeg(image: Image.Image, quality: int) -> bytes:
    jpeg = io.BytesIO()
    _opaque(image).save(jpeg, "JPEG", quality=quality)
    return jpeg.getvalue()


@contextmanager
def _opened(path: Path, field: str, side: int) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """A picture of which one of this side is to be made, and its true size. Raises InvalidInput."""
    try:
        with Image.open(path) as image:
            size = image.size
            image.draft("RGB", (side * 2, side * 2))  # a JPEG is decoded no larger than needed
            # Of a progressive one everything is kept until its end, whatever size is wanted.
            decoded = size if image.info.get("progressive") else image.size
            if decoded[0] * decoded[1] > LARGEST_PIXELS:
                raise InvalidInput(f"{field}: a imagem tem {size[0]} x {size[1]} pixels; {AT_MOST}")
            yield image, size
    except Image.DecompressionBombError:
        raise InvalidInput(f"{field}: a imagem tem pixels demais; {AT_MOST}") from None
    except _DAMAGE:
        raise InvalidInput(f"{field}: a imagem está danificada") from None
