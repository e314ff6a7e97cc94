"""A QR text as a picture: the same one in REST answers and in `qr_updated` events."""

from base64 import b64encode
from io import BytesIO

import segno

PIXELS = 6
"""Per module; with its quiet zone the code can be read from a screen."""


def picture(qr: str) -> str:
    """The QR text as a PNG data URL."""
    png = BytesIO()
    segno.make(qr, error="l", micro=False, boost_error=False).save(png, kind="png", scale=PIXELS, border=4)
    return f"data:image/png;base64,{b64encode(png.getvalue()).decode()}"
