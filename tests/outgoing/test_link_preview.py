"""What is shown under a link, from pages as the web has them."""

import base64
import io
import time

import pytest
from PIL import Image

from flashapi.link_preview import first_url, preview_of
from flashapi.outgoing import Fetcher
from tests.outgoing.conftest import Site


def picture(size: tuple[int, int], kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", size, "red").save(written, kind)
    return written.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_open_graph_page(site: Site, fetcher: Fetcher, kind: str) -> None:
    page = """<!doctype html><html><head><title>Outro</title>
        <META content='Preço: 3 &gt; 2 &amp; "bom"' property=og:title>
        <meta name="description" content="uma
            descrição"><meta property="og:image" content="/foto?x=1&amp;y=2"></head>"""
    site.page("/produto", page.encode())
    site.page("/foto", picture((900, 450), kind), f"image/{kind.lower()}")
    preview = preview_of(f"veja isto ({site.url}/produto), é bom", fetcher)
    assert preview is not None
    thumbnail = Image.open(io.BytesIO(base64.b64decode(preview.pop("thumbnail"))))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (100, 50))
    assert preview == {
        "url": f"{site.url}/produto", "title": 'Preço: 3 > 2 & "bom"', "description": "uma descrição",
    }
    assert site.requests[1][1] == "/foto?x=1&y=2"


def test_title_alone_is_enough_and_the_pages_own_encoding_counts(site: Site, fetcher: Fetcher) -> None:
    site.page("/", '<meta charset="iso-8859-1"><title>\n Ação </title>'.encode("latin-1"), "text/html")
    assert preview_of(f"{site.url}/", fetcher) == {
        "url": f"{site.url}/", "title": "Ação", "description": "", "thumbnail": None,
    }


@pytest.mark.parametrize("image", [b"not a picture", b"", picture((5_000, 4_000))], ids=["text", "empty", "huge"])
def test_unusable_picture_costs_only_the_picture(site: Site, fetcher: Fetcher, image: bytes) -> None:
    site.page("/", b'<title>t</title><meta property="og:image" content="/i">')
    site.page("/i", image, "image/png")
    preview = preview_of(f"{site.url}/", fetcher)
    assert preview is not None
    assert preview["thumbnail"] is None


def test_no_preview_where_there_is_nothing_to_show(site: Site, fetcher: Fetcher) -> None:
    site.page("/empty", b"<html></html>")
    site.page("/pdf", b"<title>t</title>", "application/pdf")
    site.page("/gone", b"<title>Not found</title>", status=404)
    for path in ("/empty", "/pdf", "/gone"):
        assert preview_of(site.url + path, fetcher) is None
    assert preview_of("sem link nenhum", fetcher) is None
    assert preview_of("http://127.0.0.1:9/", fetcher) is None


def test_private_page_is_not_fetched(site: Site) -> None:
    site.page("/", b"<title>intranet</title>")
    assert preview_of(f"{site.url}/", Fetcher(allow_private=False)) is None
    assert site.connections == 0


@pytest.mark.parametrize("slow", ["/", "/i"], ids=["page", "picture"])
def test_slow_site_costs_three_seconds(site: Site, fetcher: Fetcher, slow: str) -> None:
    site.page("/", b'<title>t</title><meta property="og:image" content="/i">')
    site.drip(slow, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    begun = time.monotonic()
    preview = preview_of(f"{site.url}/", fetcher)
    assert time.monotonic() - begun < 3.5
    assert preview is None if slow == "/" else preview is not None


@pytest.mark.parametrize("markup", [
    '<meta "' * 80_000, "<meta '" * 40_000 + '"' * 100_000, "<title " * 80_000, "<meta " + "a" * 500_000 + ">",
    "<!--" * 120_000, "<meta a=" * 60_000,
])
def test_hostile_page_is_read_quickly(site: Site, fetcher: Fetcher, markup: str) -> None:
    site.page("/", markup.encode())
    begun = time.monotonic()
    assert preview_of(f"{site.url}/", fetcher) is None
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(("text", "url"), [
    ("http://a.com/x, e mais", "http://a.com/x"),
    ("(https://a.com/b_(c))", "https://a.com/b_(c)"),
    ("<https://a.com>", "https://a.com"),
    ("em WWW.Exemplo.com.br!", "WWW.Exemplo.com.br"),
    ("primeiro https://a.com depois https://b.com", "https://a.com"),
    ("nada: aqui", None),
])
def test_first_url(text: str, url: str | None) -> None:
    assert first_url(text) == url
