"""HTTPS of the guarded fetcher: certificates are checked against the name, which SNI carries too."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flashapi import outgoing_connection
from flashapi.outgoing import Fetcher, OutgoingFailed


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def asked() -> list[str | None]:
    """The names that clients put into SNI."""
    return []


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str | None]) -> Iterator[int]:
    """Of a server for `localhost`, whose certificate this machine trusts during the test."""
    certificate = make_certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outgoing_connection._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    server = HTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()
    outgoing_connection._tls.cache_clear()


def test_trusted_name_is_fetched(port: int, asked: list[str | None]) -> None:
    fetcher = Fetcher(allow_private=True)
    assert fetcher.get(f"https://localhost:{port}/", timeout=5, max_bytes=10).content == b"ok"
    assert asked == ["localhost"]
    fetcher.close()


def test_certificate_for_another_name_is_refused(port: int) -> None:
    with pytest.raises(OutgoingFailed, match="Certificado inválido"):
        Fetcher(allow_private=True).get(f"https://127.0.0.1:{port}/", timeout=5, max_bytes=10)


def make_certificate(folder: Path, name: str) -> Path:
    """A key and its self-signed certificate, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path
