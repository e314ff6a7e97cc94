"""Which names a file may truthfully bear, given what its content says.

A type that `sniff` can tell belongs to files it tells of, or is built on. Only of the rest is a caller's word believed.
"""

import re

from flashapi.media.sniffing import DOCX, PPTX, TOLD, XLSX

_ALIASES = {
    "application/x-pdf": "application/pdf",
    "application/x-rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-gzip": "application/gzip",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "application/acad": "image/vnd.dwg",
    "application/dwg": "image/vnd.dwg",
    "application/x-dwg": "image/vnd.dwg",
    "image/x-dwg": "image/vnd.dwg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/heif": "image/heic",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
    "image/ico": "image/vnd.microsoft.icon",
    "image/psd": "image/vnd.adobe.photoshop",
    "image/x-photoshop": "image/vnd.adobe.photoshop",
    "application/photoshop": "image/vnd.adobe.photoshop",
    "application/x-photoshop": "image/vnd.adobe.photoshop",
    "audio/mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/x-aiff": "audio/aiff",
    "audio/opus": "audio/ogg",
    "audio/mid": "audio/midi",
    "audio/x-midi": "audio/midi",
    "audio/sp-midi": "audio/midi",
    "video/x-m4v": "video/mp4",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "application/x-rtf": "application/rtf",
    "text/rtf": "application/rtf",
}
"""Other names for what `sniff` tells."""
_OLE = r"msword|vnd\.ms-(?:excel|powerpoint|outlook|project|works|office)|vnd\.visio|x-msi"
_ZIP = (
    r"[\w.-]+\+zip|java-archive|oxps|vnd\.openxmlformats-.+|vnd\.oasis\.opendocument\.(?!.*flat-xml).+|vnd\.sun\.xml\..+"
    r"|vnd\.ms-.+\.macroenabled\.12|vnd\.ms-visio\..+|vnd\.ms-xpsdocument|vnd\.android\.package-archive"
    r"|vnd\.apple\.(?:pages|numbers|keynote)|vnd\.google-earth\.kmz"
)
_GZIP = r"(?:x-)?(?:gzip|gtar|tar|compressed).*"
CONTAINERS = {
    "application/zip": re.compile(rf"application/(?!(?:{_OLE})$)(?:{_ZIP}|vnd\..+)"),
    "application/x-ole-storage": re.compile(rf"application/(?:{_OLE}|vnd\.ms-.+)"),
    "application/gzip": re.compile(rf"application/{_GZIP}"),
    "application/x-tar": re.compile(r"application/(?:x-(?:gtar|ustar|virtualbox-ova)|vnd\..+)"),
    "application/rtf": re.compile(r"application/msword|text/plain"),
    "application/x-msdownload": re.compile(
        r"application/(?:x-)?(?:vnd\.microsoft\.portable-executable|dosexec|exe|winexe|msdos-program|ms-dos-executable)"
    ),
    "application/x-elf": re.compile(r"application/x-(?:executable|pie-executable|sharedlib|object|core)"),
    "text/html": re.compile(r"text/plain|text/xml|application/xml|application/xhtml\+xml"),
    "image/svg+xml": re.compile(r"text/plain|text/xml|application/xml"),
    "video/x-ms-asf": re.compile(r"(?:audio|video)/x-ms-(?:wma|wmv)"),
    DOCX: re.compile(r"application/vnd\.(?:ms-word\.|openxmlformats-officedocument\.wordprocessingml\.).+"),
    XLSX: re.compile(r"application/vnd\.(?:ms-excel\.|openxmlformats-officedocument\.spreadsheetml\.).+"),
    PPTX: re.compile(r"application/vnd\.(?:ms-powerpoint\.|openxmlformats-officedocument\.presentationml\.).+"),
}
"""Types that others are built on: what else such a file may be called, since its first bytes don't tell which it is."""
_BUILT_ON_TOLD = re.compile(rf"application/(?:{_OLE}|{_ZIP}|{_GZIP})")
_UNTOLD = frozenset({"image/vnd.dxf", "image/jp2", "image/jxl", "image/emf", "image/wmf"})
"""Pictures that `sniff` doesn't tell, and that WhatsApp shows as plain documents whatever they are called."""
_TEXTUAL = re.compile(r"text/.+|application/(?:json|xml|javascript|x-javascript|sql|yaml|x-yaml)|.+\+(?:json|xml)")


def canonical(name: str) -> str:
    """The name under which a type is known here: no parameters, in lower case, and no alias."""
    plain = name.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


def belongs(claimed: str, found: str | None, head: bytes) -> bool:
    """Whether a file that begins like `head` may be called `claimed`, given what `sniff` found in it."""
    name = canonical(claimed)
    if name == found:
        return True
    if found is not None:
        return found in CONTAINERS and CONTAINERS[found].fullmatch(name) is not None
    if name in _UNTOLD:
        return True
    if name in TOLD or name.startswith(("image/", "video/", "audio/")) or _BUILT_ON_TOLD.fullmatch(name):
        return False
    return not (b"\0" in head and _TEXTUAL.fullmatch(name))
