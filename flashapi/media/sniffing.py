"""What a file is, told by its first bytes and never by its name."""

import re

OOXML = "application/vnd.openxmlformats-officedocument."
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
    (b"word/", f"{OOXML}wordprocessingml.document"),
    (b"xl/", f"{OOXML}spreadsheetml.sheet"),
    (b"ppt/", f"{OOXML}presentationml.presentation"),
)
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(!doctype html|html|svg)\b", re.IGNORECASE | re.DOTALL
)
CONTAINERS = {
    "application/zip": re.compile(r"application/(vnd\..+|epub\+zip|java-archive|x-zip-compressed)"),
    "application/x-ole-storage": re.compile(r"application/(msword|vnd\.ms-.+|vnd\.visio|x-msi)"),
    "application/gzip": re.compile(r"application/(x-)?(gzip|gtar|tar|compressed).*"),
}
"""Types that many others are built on; the first bytes don't tell which."""
TOLD = frozenset(
    {
        *(name for _, name in _BEGINNINGS),
        *(name for _, name in _BRANDS),
        *(name for _, name in _INSIDE_ZIP),
        *_RIFF.values(),
        "application/zip", "video/mp4", "video/webm", "video/x-matroska", "audio/ogg", "video/ogg", "audio/aac",
        "image/svg+xml", "text/html",
    }
)  # fmt: skip
"""Every type that `sniff` can name: a file that claims one of them must begin like one."""


def sniff(head: bytes) -> str | None:
    """The type of a file that begins like this; None if its bytes say nothing."""
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
    markup = _MARKUP.match(head[:2_048])
    if markup is not None:
        return "image/svg+xml" if markup[1].lower() == b"svg" else "text/html"
    return None


def belongs(claimed: str, found: str | None, head: bytes) -> bool:
    """Whether a file may be called `claimed`, given what `sniff` found."""
    if claimed == found:
        return True
    if found in CONTAINERS:
        return CONTAINERS[found].fullmatch(claimed) is not None
    if found is not None:
        return found in ("text/html", "image/svg+xml") and claimed in ("text/plain", "application/xml", "text/xml")
    return claimed not in TOLD and not (claimed.startswith("text/") and b"\0" in head)


def _zipped(head: bytes) -> str:
    if head[30:38] == b"mimetype":  # OpenDocument and EPUB: the first entry, not compressed, says it
        name = re.match(rb"[\w.+/-]+", head[38 + int.from_bytes(head[28:30], "little") :])
        if name is not None and b"/" in name[0]:
            return name[0].split(b"PK")[0].decode()
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
