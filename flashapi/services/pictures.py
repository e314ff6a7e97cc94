"""Profile pictures as WhatsApp takes them: a square JPEG, made of whatever picture was handed in."""

import base64
import binascii
import io

from PIL import Image, ImageOps

from flashapi.errors import InvalidInput
from flashapi.outgoing import Fetcher

SIDE = 640
LARGEST_BYTES = 10 * 1024 * 1024
LARGEST_PIXELS = 40_000_000
FETCH_SECONDS = 15.0
QUALITY = 85


def as_profile_picture(image: str, fetcher: Fetcher) -> str:
    """The picture behind a URL, data URL or base64, cut to a square, as a JPEG in base64. Raises InvalidInput."""
    content = _content(image, fetcher)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise InvalidInput("image tem dimensões grandes demais")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise InvalidInput("image não é uma imagem válida") from None
    side = min(SIDE, *upright.size)
    jpeg = io.BytesIO()
    ImageOps.fit(upright, (side, side)).save(jpeg, "JPEG", quality=QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode()


def _content(image: str, fetcher: Fetcher) -> bytes:
    if image.startswith(("http://", "https://")):
        answer = fetcher.get(image, timeout=FETCH_SECONDS, max_bytes=LARGEST_BYTES, accept="image/*")
        if answer.status != 200:
            raise InvalidInput(f"image: a URL respondeu com status {answer.status}")
        return answer.content
    encoded = image.split(",", 1)[-1] if image.startswith("data:") else image
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("image deve ser uma URL, data URL ou base64 de uma imagem") from None
