"""The proxy a session may go through to WhatsApp: what may be given, judged by the guard of our own requests (D13)."""

from urllib.parse import SplitResult, urlsplit

from flashapi.addresses import OutgoingRefused, is_local_name, is_public, literal, resolve

PORTS = {"http": 80, "https": 443, "socks5": 1080}
URL_LONGEST = 500
RESOLVE_SECONDS = 5.0


def check(url: str, allow_private: bool) -> None:
    """Raise OutgoingRefused for what can't be a proxy, or is written as a private address."""
    parts = _parts(url)
    host = parts.hostname or ""
    if not allow_private:
        address = literal(host)
        if is_local_name(host) or (address is not None and not is_public(address)):
            raise OutgoingRefused(f"{host} não é um endereço público")


def check_address(url: str, allow_private: bool) -> None:
    """The same at the moment of use, for what the name resolves to now. Raises OutgoingFailed too."""
    check(url, allow_private)
    parts = _parts(url)
    resolve(parts.hostname or "", parts.port or PORTS[parts.scheme], allow_private, RESOLVE_SECONDS)


def redacted(url: str | None) -> str | None:
    """As shown to the session's owner: without the password."""
    if not url:
        return None
    parts = _parts(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{place}").geturl()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutgoingRefused("endereço inválido") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or len(url) > URL_LONGEST:
        raise OutgoingRefused("use http://, https:// ou socks5://usuario:senha@host:porta")
    if any(ord(character) <= 32 for character in url):
        raise OutgoingRefused("endereço inválido")
    return parts
