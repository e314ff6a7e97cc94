"""TLS for the media server: a certificate authority of the sandbox's own, made once, and the server's certificate.

Clients learn to trust it by SSL_CERT_FILE. Go looks for that where the kernel put the environment when the process
began; what a program sets later need not reach it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.store import Store

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397  # made anew at every start
CLOCK_SLACK = datetime.timedelta(days=1)

_PRIVATE = serialization.PrivateFormat.PKCS8
_PLAIN = serialization.NoEncryption()
_PEM = serialization.Encoding.PEM


def serve_tls(store: Store, folder: Path) -> ssl.SSLContext:
    """The context of a server for localhost; writes `ca-bundle.pem` for the clients into `folder`."""
    key, authority = _load_authority(store)
    _write_bundle(folder / "ca-bundle.pem", authority)
    server_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certify_server(server_key, key, authority)
    path = folder / "media-server.pem"
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(server_key.private_bytes(_PEM, _PRIVATE, _PLAIN) + certificate.public_bytes(_PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _load_authority(store: Store) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    stored_key, stored_certificate = store.setting("authority_key"), store.setting("authority_certificate")
    if stored_key and stored_certificate:
        key = serialization.load_pem_private_key(stored_key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate(stored_certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("FlashApi sandbox authority")
    certificate = (
        _begin(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    with store.transaction():
        store.set_setting("authority_key", key.private_bytes(_PEM, _PRIVATE, _PLAIN))
        store.set_setting("authority_certificate", certificate.public_bytes(_PEM))
    return key, certificate


def _certify_server(
    server_key: ec.EllipticCurvePrivateKey, authority_key: ec.EllipticCurvePrivateKey, authority: x509.Certificate
) -> x509.Certificate:
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    return (
        _begin(_name("localhost"), authority.subject, server_key, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _write_bundle(path: Path, authority: x509.Certificate) -> None:
    """The authority and those of the system: a process that is told to use the bundle reaches the rest of the world."""
    system = Path(ssl.get_default_verify_paths().cafile or certifi.where())
    if system.resolve() == path.resolve():  # this very process was told to use the bundle
        system = Path(certifi.where())
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(authority.public_bytes(_PEM) + system.read_bytes())
    temporary.replace(path)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**(dict.fromkeys(names.split(), False) | wanted))
