"""What a file is, told by its first bytes and never by its name."""

import re
from collections.abc import Callable

DOCX, XLSX, PPTX = (
    f"application/vnd.openxmlformats-officedocument.{kind}"
    for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
EXECUTABLE = "application/x-msdownload"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x7fELF", "application/x-elf"),
    (b"{\\rtf", "application/rtf"),
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", "video/x-ms-asf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"3g", "video/3gpp"),
    (b"qt", "video/quicktime"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heic"),
    (b"avi", "image/avif"),
)
_INSIDE_ZIP: tuple[tuple[bytes, str], ...] = (
    (b"word/", DOCX),
    (b"xl/", XLSX),
    (b"ppt/", PPTX),
)
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(!doctype html|html|svg)\b", re.IGNORECASE | re.DOTALL
)
_NAMED_INSIDE_ZIP = re.compile(
    rb"application/(?:epub\+zip|vnd\.(?:oasis\.opendocument|sun\.xml)\.[\w.-]+?)(?=\s*(?:PK|$))"
)
_DWG = re.compile(rb"AC10\d\d\0")
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""The sizes that the second header of a BMP has had."""
TOLD = frozenset(
    {
        *(name for _, name in _BEGINNINGS),
        *(name for _, name in _BRANDS),
        *(name for _, name in _INSIDE_ZIP),
        *_RIFF.values(),
        "application/zip", "video/mp4", "video/webm", "video/x-matroska", "audio/ogg", "video/ogg", "audio/aac",
        "image/svg+xml", "text/html", EXECUTABLE, "application/x-tar", "image/bmp", "image/vnd.microsoft.icon",
        "image/vnd.dwg", "audio/aiff", "video/mp2t",
    }
)  # fmt: skip
"""Every type that `sniff` can name: a file that claims one of them must begin like one."""


def sniff(head: bytes) -> str | None:
    """The type of a file that begins like this; None if its bytes say nothing."""
    if _is_executable(head):  # before all others: the rest of its header may look like anything
        return EXECUTABLE
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return name
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return next((name for brand, name in _BRANDS if head[8:12].startswith(brand)), "video/mp4")
    if head.startswith(b"PK\x03\x04"):
        return _zipped(head)
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head[:512] else "audio/ogg"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if _is_mpeg_frame(head):
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    for is_one, name in _RECOGNISED:
        if is_one(head):
            return name
    markup = _MARKUP.match(head[:2_048])
    if markup is not None:
        return "image/svg+xml" if markup[1].lower() == b"svg" else "text/html"
    return None


def _zipped(head: bytes) -> str:
    if head[30:38] == b"mimetype":  # OpenDocument and EPUB: the first entry, not compressed, says it
        name = _NAMED_INSIDE_ZIP.match(head[38 + int.from_bytes(head[28:30], "little") :])
        if name is not None:
            return name[0].decode()
    if head[30:49] == b"[Content_Types].xml" or b"_rels/.rels" in head:
        return next((name for folder, name in _INSIDE_ZIP if folder in head), "application/zip")
    return "application/zip"


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether it begins with a frame of MPEG audio or of AAC in ADTS: a sync word and no field of a forbidden value."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    if head[1] & 0x06 == 0:  # no layer: ADTS
        return head[1] & 0xF0 == 0xF0 and (head[2] >> 2) & 0x0F < 13
    version, bitrate, rate = (head[1] >> 3) & 3, head[2] >> 4, (head[2] >> 2) & 3
    if head[1] & 0x06 == 0x06:
        return False  # layer I, which nobody uses; UTF-16 begins like it
    return version != 1 and bitrate not in (0, 15) and rate != 3


def _is_executable(head: bytes) -> bool:
    """Whether it begins with the header of a DOS or Windows program; a text may begin with its two letters too."""
    return head.startswith((b"MZ", b"ZM")) and not all(byte >= 32 or byte in b"\t\n\r" for byte in head[:64])


def _is_bitmap(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS


def _is_icon(head: bytes) -> bool:
    return head.startswith(b"\0\0\x01\0") and head[4:6] != b"\0\0" and head[9:10] == b"\0"


def _is_aiff(head: bytes) -> bool:
    return head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC")


def _is_transport_stream(head: bytes) -> bool:
    return all(head[at : at + 1] == b"G" for at in (0, 188, 376)) and b"\0" in head[:188]


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" and b"\0" in head[:257]


_RECOGNISED: tuple[tuple[Callable[[bytes], object], str], ...] = (
    (_is_bitmap, "image/bmp"),
    (_is_icon, "image/vnd.microsoft.icon"),
    (_DWG.match, "image/vnd.dwg"),
    (_is_aiff, "audio/aiff"),
    (_is_transport_stream, "video/mp2t"),
    (_is_tar, "application/x-tar"),
)
