"""The proxy a session may go through to WhatsApp: what may be given, judged by the guard of our own requests."""

from urllib.parse import SplitResult, urlsplit

from flashapi.addresses import Address, OutgoingRefused, address_of, is_local_name, is_public, literal, look_up

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


def judged(url: str, allow_private: bool) -> list[str]:
    """What Go may be handed in place of `url` at the moment of use: one URL for each address its name stands for.

    Go would ask the resolver again, at each dial, and try every address it hears of. So all of them must be public,
    and Go gets an address in place of the name. An https proxy keeps its name, which its certificate is for; it is
    judged the same. Raises OutgoingRefused, OutgoingFailed.
    """
    check(url, allow_private)
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    found = [address_of(peer) for peer in look_up(host, port, RESOLVE_SECONDS)]
    if allow_private:
        return [url]
    if not all(is_public(address) for address in found):
        raise OutgoingRefused(f"{host} não é um endereço público")
    if parts.scheme == "https":
        return [url]
    return [_at(parts, address, port) for address in found]


def redacted(url: str | None) -> str | None:
    """As shown to the session's owner: without the password."""
    if not url:
        return None
    parts = _parts(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:***@{place}").geturl()


def _at(parts: SplitResult, address: Address, port: int) -> str:
    user, at, _name = parts.netloc.rpartition("@")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{parts.scheme}://{user}{at}{host}:{port}"


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
