"""The phone's camera: the text of a QR code from the picture that the API hands out."""

from __future__ import annotations

import base64
import binascii
import io

import zxingcpp
from PIL import Image, UnidentifiedImageError

_DATA_URL = "data:"


class InvalidPicture(ValueError):
    """A picture without exactly one readable QR code."""


def read_qrcode(source: str) -> str:
    """The text of the QR code in a data URL; any other text is taken for the content itself. Raises InvalidPicture."""
    if not source.startswith(_DATA_URL):
        return source
    header, comma, data = source.partition(",")
    if not comma or not header.endswith(";base64"):
        raise InvalidPicture("the data URL is not in base64")
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise InvalidPicture("the base64 of the data URL is broken") from error
    try:
        with Image.open(io.BytesIO(content)) as file:
            picture = file.convert("L")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InvalidPicture("the data is no picture") from error
    codes = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]))
    if len(codes) != 1:
        raise InvalidPicture(f"the picture shows {len(codes)} QR codes, not one")
    return codes[0].text
