"""Types are told by content."""

import pytest

from flashapi.errors import InvalidInput
from flashapi.media.facts import media_of
from flashapi.media.kinds import Kind, true_type
from flashapi.media.sniffing import TOLD, sniff
from tests.support import samples


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (samples.picture("JPEG"), "image/jpeg"),
        (samples.picture("PNG"), "image/png"),
        (samples.picture("GIF"), "image/gif"),
        (samples.picture("WEBP"), "image/webp"),
        (samples.picture("TIFF"), "image/tiff"),
        (samples.film(), "video/mp4"),
        (samples.film("3gp"), "video/3gpp"),
        (samples.film("mov"), "video/quicktime"),
        (samples.film("webm", "libvpx"), "video/webm"),
        (samples.film("matroska"), "video/x-matroska"),
        (samples.film("avi", "mpeg4"), "video/x-msvideo"),
        (samples.sound(), "audio/wav"),
        (samples.sound("ogg", "libopus"), "audio/ogg"),
        (samples.sound("mp3", "libmp3lame"), "audio/mpeg"),
        (samples.sound("adts", "aac"), "audio/aac"),
        (samples.sound("ipod", "aac"), "audio/mp4"),
        (samples.sound("flac", "flac"), "audio/flac"),
        (samples.PDF, "application/pdf"),
        (samples.archive(("a.txt", "x")), "application/zip"),
        (samples.archive(("[Content_Types].xml", "x"), ("_rels/.rels", "x"), ("word/document.xml", "x")),
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"<!DOCTYPE html><html></html>", "text/html"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (b"apenas um texto", None),
        (b"\xff\xfe" + "texto em UTF-16".encode("utf-16-le"), None),
    ],
)  # fmt: skip
def test_content_tells_the_type(content: bytes, expected: str | None) -> None:
    assert sniff(content[:8192]) == expected
    assert expected is None or expected in TOLD


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.VIDEO, Kind.AUDIO, Kind.STICKER])
@pytest.mark.parametrize("content", [samples.PDF, b"texto", b"<html></html>", samples.archive(("a", "x"))])
def test_what_a_kind_cannot_carry_is_refused_by_name(kind: Kind, content: bytes) -> None:
    with pytest.raises(InvalidInput, match=f"^{kind.value}: "):
        true_type(kind, content, None, ("image/png", "foto.png"))


def test_a_picture_is_called_what_it_is() -> None:
    assert true_type(Kind.IMAGE, samples.picture("PNG"), None, ("image/jpeg", "foto.jpg")) == "image/png"


def test_a_document_that_lies_is_refused() -> None:
    with pytest.raises(InvalidInput, match="^mimetype: "):
        true_type(Kind.DOCUMENT, samples.picture("PNG"), "application/pdf", (None, "a.pdf"))
    with pytest.raises(InvalidInput, match="^mimetype: "):
        true_type(Kind.DOCUMENT, b"texto", "application/pdf", (None, "a.pdf"))
    with pytest.raises(InvalidInput, match="^mimetype: "):
        true_type(Kind.DOCUMENT, b"a\0b", "text/csv", (None, "a.csv"))


def test_a_name_that_lies_is_not_believed() -> None:
    assert true_type(Kind.DOCUMENT, samples.picture("PNG"), None, (None, "contrato.pdf")) == "image/png"
    assert true_type(Kind.DOCUMENT, b"texto", None, (None, "contrato.pdf")) == "application/octet-stream"
    assert true_type(Kind.DOCUMENT, b"a,b\n1,2", None, (None, "tabela.csv")) == "text/csv"
    assert true_type(Kind.DOCUMENT, samples.PDF, "application/octet-stream", (None, "x")) == "application/pdf"


def test_facts_of_a_message() -> None:
    message = {"documentWithCaptionMessage": {"message": {"documentMessage": {
        "mimetype": "application/pdf", "fileName": "a.pdf", "fileLength": "12", "fileSha256": "AQI=", "caption": "c",
    }}}}  # fmt: skip
    assert media_of(message) == {
        "mimetype": "application/pdf", "fileName": "a.pdf", "size": 12, "sha256": "0102", "caption": "c",
    }  # fmt: skip
    assert media_of({"conversation": "oi"}) is None
