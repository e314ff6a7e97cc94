"""Which addresses our own requests may reach: those of the public Internet, unless private ones are allowed.

Addresses are judged as the system resolved them and connected to as judged, so a name can't change in between.
"""

import ipaddress
import socket
import threading
from dataclasses import dataclass, field

from flashapi.errors import FlashAPIError, InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Peer = tuple[socket.AddressFamily, tuple[str, int]]
"""What a socket is made for and connected to."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")


class OutgoingRefused(InvalidInput):
    """The URL is not one this installation fetches from or delivers to."""

    code, default = "url_refused", "URL não permitida"


class OutgoingFailed(FlashAPIError):
    """The other side couldn't be reached, or didn't answer as it should."""

    status, code, default = 502, "outgoing_failed", "Não foi possível acessar a URL"


def is_public(address: Address) -> bool:
    """Whether it belongs to the public Internet; IPv6 forms that carry an IPv4 address are judged by that one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:  # deprecated, and still private where it is used; `is_global` calls it public
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def literal(host: str) -> Address | None:
    """The address a host is written as, in any notation the resolver takes (`2130706433`, `0x7f.1`), else None."""
    try:
        return ipaddress.ip_address(host.strip("[]").split("%", 1)[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def is_local_name(host: str) -> bool:
    """Whether the name means this machine by definition, without asking a resolver."""
    name = host.rstrip(".").lower()
    return name in LOCAL_NAMES or name.endswith(".localhost")


def resolve(host: str, port: int, allow_private: bool, seconds: float) -> list[Peer]:
    """The addresses of a host that may be connected to. Raises OutgoingFailed, OutgoingRefused if none of them may.

    Only for those who connect to what they are given: the name may stand for other addresses too.
    """
    allowed = [peer for peer in look_up(host, port, seconds) if allow_private or is_public(address_of(peer))]
    if not allowed:
        raise OutgoingRefused(f"URL não permitida: {host} não é um endereço público")
    return allowed


def look_up(host: str, port: int, seconds: float) -> list[Peer]:
    """All the addresses of a host, not judged, the likeliest first. Raises OutgoingFailed.

    The system's resolver knows no timeout, so it is asked in a thread that is left behind when it takes too long.
    """
    question = _Question(host, port)
    threading.Thread(target=question.ask, name="resolver", daemon=True).start()
    if not question.answered.wait(seconds):
        raise OutgoingFailed(f"Tempo esgotado ao resolver {host}")
    if question.error is not None or not question.found:
        raise OutgoingFailed(f"Não foi possível resolver {host}") from question.error
    return question.found


def address_of(peer: Peer) -> Address:
    """Its address, as it is judged."""
    return ipaddress.ip_address(peer[1][0].split("%", 1)[0])


@dataclass
class _Question:
    """One name asked of the resolver."""

    host: str
    port: int
    found: list[Peer] = field(default_factory=list)
    error: OSError | UnicodeError | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask the system, and keep what it says."""
        try:
            for family, _kind, _protocol, _name, address in socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            ):
                if family in (socket.AF_INET, socket.AF_INET6):
                    self.found.append((family, (str(address[0]), self.port)))
        except (OSError, UnicodeError) as error:
            self.error = error
        finally:
            self.answered.set()
