"""Which names a file may bear: a lie is refused when it was said, and not believed when it was guessed."""

import struct

import pytest

from flashapi.errors import InvalidInput
from flashapi.media.claims import belongs
from flashapi.media.facts import FALLBACK_TYPE
from flashapi.media.kinds import Kind, true_type
from flashapi.media.sniffing import DOCX, EXECUTABLE, TOLD, XLSX, sniff
from tests.support import samples

PROGRAM = b"MZ\x90\0\x03\0\0\0" + bytes(52) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + bytes(200)
LIKE_A_FILM = b"MZ\x90\0ftypisom" + PROGRAM[12:]
UNKNOWN = b"\x01\x02\x03\x04 algo que ninguem conhece \0\xfe" * 20
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
RTF = rb"{\rtf1\ansi ol\'e1}"
LIES = [
    ("application/vnd.ms-excel", "planilha.xls"),
    ("application/vnd.ms-powerpoint", "aula.ppt"),
    ("application/msword", "carta.doc"),
    ("application/epub+zip", "livro.epub"),
    ("application/vnd.android.package-archive", "app.apk"),
    ("application/java-archive", "app.jar"),
    ("application/vnd.oasis.opendocument.text", "carta.odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", "planilha.ods"),
    ("application/vnd.ms-excel.sheet.macroEnabled.12", "planilha.xlsm"),
    (DOCX, "carta.docx"),
    ("application/gzip", "a.tar"),
    ("application/x-tar", "a.tgz"),
    ("application/pdf", "a.pdf"),
    ("Application/PDF", "A.PDF"),
    ("application/pdf; version=1.7", "a.pdf"),
    ("image/bmp", "foto.bmp"),
    ("image/x-qualquer", "foto.psd"),
    ("audio/mp3", "musica.mp3"),
    ("audio/midi", "musica.mid"),
    ("video/x-flv", "filme.flv"),
    ("video/mpeg", "filme.mpg"),
    ("text/plain", "leia.txt"),
    ("application/json", "dados.json"),
]


def tar_header() -> bytes:
    return b"a.txt".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0")


@pytest.mark.parametrize(("claimed", "name"), LIES)
@pytest.mark.parametrize(
    ("content", "truth"),
    [(PROGRAM, EXECUTABLE), (LIKE_A_FILM, EXECUTABLE), (b"\x7fELF\x02\x01\x01" + bytes(200), "application/x-elf"),
     (UNKNOWN, FALLBACK_TYPE)],
    ids=["windows program", "program like a film", "linux program", "unknown bytes"],
)  # fmt: skip
def test_a_file_that_lies_is_refused_or_sent_truthfully(content: bytes, truth: str, claimed: str, name: str) -> None:
    with pytest.raises(InvalidInput, match="^mimetype: "):
        true_type(Kind.DOCUMENT, content, claimed, (None, name))
    assert true_type(Kind.DOCUMENT, content, None, (claimed, name)) == truth
    assert true_type(Kind.DOCUMENT, content, FALLBACK_TYPE, (claimed, name)) == truth


@pytest.mark.parametrize(
    ("content", "claimed"),
    [
        (PROGRAM, "application/vnd.microsoft.portable-executable"),
        (PROGRAM, "application/x-msdos-program"),
        (OLE, "application/msword"),
        (OLE, "application/vnd.ms-excel"),
        (RTF, "application/msword"),
        (RTF, "text/rtf"),
        (samples.archive(("a.txt", "x")), "application/vnd.android.package-archive"),
        (samples.archive(("a.txt", "x")), "application/java-archive"),
        (samples.archive(("mimetype", "application/epub+zip"), ("a", "b")), "application/epub+zip"),
        (samples.archive(("mimetype", "application/vnd.oasis.opendocument.text"), ("a", "b")),
         "application/vnd.oasis.opendocument.text"),
        (samples.archive(("[Content_Types].xml", "x"), ("xl/workbook.xml", "x")), XLSX),
        (samples.archive(("[Content_Types].xml", "x"), ("xl/workbook.xml", "x")),
         "application/vnd.ms-excel.sheet.macroEnabled.12"),
        (tar_header(), "application/x-tar"),
        (b"\x1f\x8b\x08" + bytes(20), "application/x-tar"),
        (samples.PDF, "application/pdf; version=1.4"),
        (b"8BPS\0\x01" + bytes(30), "image/vnd.adobe.photoshop"),
        (b"\0\0\x01\xba" + bytes(30), "video/mpeg"),
        (b"FLV\x01\x05" + bytes(30), "video/x-flv"),
        (b"MThd\0\0\0\x06\0\x01", "audio/midi"),
        (b"AC1027\0\0" + bytes(30), "image/vnd.dwg"),
        (b"AC1027\0\0" + bytes(30), "application/acad"),
        (b"FORM\0\0\0\x20AIFF" + bytes(30), "audio/aiff"),
        (samples.film("mpegts", "mpeg2video"), "video/mp2t"),
        (samples.film("asf", "mpeg4"), "video/x-ms-wmv"),
        (samples.picture("BMP"), "image/bmp"),
        (samples.picture("ICO", (32, 32)), "image/x-icon"),
        (b"MZN;valor\r\n1;2\r\n" + b"3;4\r\n" * 20, "text/csv"),
        (b"BMW;1\nAC10;2\n", "text/csv"),
        ("olá,ação\n".encode(), "text/csv"),
        ("olá".encode("latin-1"), "text/plain"),
        (b'{"a": 1}', "application/json"),
        (b"<kml/>", "application/vnd.google-earth.kml+xml"),
        (b"BEGIN:VCARD\n", "text/vcard"),
        (b"\x30\x82\x01\x0a\x02\0", "application/pkcs7-signature"),
        (UNKNOWN, "application/x-de-alguem"),
    ],
)  # fmt: skip
def test_a_true_name_is_believed(content: bytes, claimed: str) -> None:
    head = content[:8192]
    found = sniff(head)
    assert belongs(claimed, found, head), found
    assert true_type(Kind.DOCUMENT, head, claimed, (None, None)) in (claimed, found)


@pytest.mark.parametrize("content", [UNKNOWN, b"texto", OLE, samples.PDF])
def test_no_name_at_all_is_never_refused(content: bytes) -> None:
    assert true_type(Kind.DOCUMENT, content, None, (None, "x")) == (sniff(content) or FALLBACK_TYPE)


def test_an_archive_says_of_itself_only_what_an_archive_can_be() -> None:
    archive = samples.archive(("mimetype", "image/png"), ("a", "b"))
    assert sniff(archive) == "application/zip"
    for name in ("application/vnd.ms-excel", "application/msword", "image/png"):
        assert not belongs(name, "application/zip", archive)


def test_another_name_of_the_same_type_is_sent_as_the_usual_one() -> None:
    assert true_type(Kind.DOCUMENT, samples.picture("JPEG"), "image/jpg", (None, None)) == "image/jpeg"
    assert true_type(Kind.DOCUMENT, samples.PDF, "Application/PDF", (None, None)) == "application/pdf"
    assert true_type(Kind.DOCUMENT, samples.picture("JPEG"), None, ("image/pjpeg", None)) == "image/jpeg"


def test_every_type_that_is_told_must_be_told() -> None:
    assert not [name for name in TOLD if belongs(name, None, UNKNOWN)]
