"""Addresses that others tell us to call: the one check of them, and a call that keeps to it.

Whoever may name a URL could make this server call its own neighbours. So a URL is looked at when
it is written down (scheme, spelling, port, and where its host resolves to now) and again when it
is called: the name is resolved once, every address is judged, and the connection goes to an
address that was judged. Redirects are not followed, answers are read up to a limit, and all of it
ends by a deadline. Proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from millrace.core import settings
from millrace.core.errors import InvalidArgument, MillraceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL: Final = 2048
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?\.?")
# What stands for this machine or its network whatever a resolver makes of it.
_INNER: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")
# Addresses that carry an IPv4 address inside, and which of their bits it is.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
# For special purposes; not every version of Python knows all of them.
_SPECIAL: Final = tuple(
    map(
        ipaddress.ip_network,
        "100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 "
        "203.0.113.0/24 64:ff9b:1::/48 100::/64 2001:db8::/32 3fff::/20 5f00::/16 "
        "fec0::/10".split(),
    )
)


class Unreachable(MillraceError):
    """Nobody took the call; the message says where it failed, not what came back."""

    code, status = "TEMPORARILY_UNAVAILABLE", 503


class Url(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that may be called: its host is in lower case, without the dot at its end."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator lets be called beyond public addresses by https.

    `allowed`: hosts, `host:port`s and networks that may be private. `ports`: for all others.
    """

    http: bool = False
    ports: frozenset[int] = frozenset({443, 8443})
    allowed: frozenset[str] = frozenset()
    ca_file: str | None = None

    def names(self, url: Url) -> bool:
        """Whether the operator allows this very host, so that any address of it will do."""
        return url.host in self.allowed or f"{url.host}:{url.port}" in self.allowed

    def takes(self, address: Address) -> bool:
        """Whether *address* is public, or in a network that the operator allows."""
        return is_public(address) or any(address in one for one in _networks(self.allowed))

    def takes_port(self, url: Url) -> bool:
        """Whether the port of *url* may be called."""
        return url.port in self.ports or f"{url.host}:{url.port}" in self.allowed


def policy() -> Policy:
    """The policy of the settings; `InvalidArgument` when they cannot be read."""
    ports = settings.OUTBOUND_PORTS.get()
    try:
        numbers = frozenset(int(one) for one in ports.split(",") if one.strip())
    except ValueError:
        raise InvalidArgument(
            f"{settings.OUTBOUND_PORTS.name}={ports!r}: expected a comma list of port numbers."
        ) from None
    listed = settings.OUTBOUND_ALLOWED_HOSTS.get().split(",")
    return Policy(
        http=settings.OUTBOUND_ALLOW_HTTP.get(),
        ports=numbers,
        allowed=frozenset(one.strip().lower() for one in listed if one.strip()),
        ca_file=settings.OUTBOUND_CA_FILE.get(),
    )


@lru_cache(maxsize=16)
def _networks(allowed: frozenset[str]) -> tuple[Network, ...]:
    found = []
    for one in allowed:
        try:
            found.append(ipaddress.ip_network(one, strict=False))
        except ValueError:
            continue  # a host
    return tuple(found)


# --- what a URL says ---------------------------------------------------------------------------


def parse(text: str, rules: Policy) -> Url:
    """The URL that *text* spells, if its spelling may be called; else raise `InvalidArgument`."""
    if len(text) > LONGEST_URL:
        raise InvalidArgument(f"A URL has at most {LONGEST_URL} characters.")
    if not text.isascii() or any(one <= " " or one in {"\x7f", "\\"} for one in text):
        raise InvalidArgument(
            "A URL holds visible ASCII characters without backslashes only; write other host names "
            "in punycode and other characters percent-encoded."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise InvalidArgument("That is no URL: its host or port cannot be read.") from None
    if parts.scheme not in ({"https", "http"} if rules.http else {"https"}):
        raise InvalidArgument(
            "The URL must begin with https://; the operator can allow http:// "
            f"({settings.OUTBOUND_ALLOW_HTTP.name})."
        )
    if "@" in parts.netloc:
        raise InvalidArgument("The URL must not hold a user name or password.")
    if "#" in text:
        raise InvalidArgument("The URL must not hold a fragment (#).")
    url = Url(
        scheme=parts.scheme,
        host=_host(host, bracketed="[" in parts.netloc),
        port=_PORTS[parts.scheme] if port is None else port,
        target=f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}",
    )
    if not rules.takes_port(url):
        allowed = ", ".join(map(str, sorted(rules.ports)))
        raise InvalidArgument(
            f"Port {url.port} may not be called; allowed are {allowed} "
            f"({settings.OUTBOUND_PORTS.name})."
        )
    return url


def _host(host: str, *, bracketed: bool) -> str:
    if bracketed:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise InvalidArgument("The URL's host in brackets is no IPv6 address.") from None
    if not _HOST.fullmatch(host) or ".." in host:
        raise InvalidArgument("The URL has no host, or one that is no host name.")
    return host.rstrip(".").lower()


def address_of(host: str) -> Address | None:
    """The address that *host* spells, however: `127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`.

    None for a name.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host)
    try:
        # Resolvers take all of these spellings, so all of them have to be understood.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_public(address: Address) -> bool:
    """Whether *address* belongs to the Internet at large; so must an IPv4 address inside it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return is_public(inner)
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not is_special and not any(address in one for one in _SPECIAL)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


# --- where a URL leads -------------------------------------------------------------------------


def resolve(url: Url, rules: Policy) -> tuple[Address, ...]:
    """The addresses of the URL's host, if all of them may be called; else `InvalidArgument`."""
    named = rules.names(url)
    if not named and any(url.host == one or url.host.endswith(f".{one}") for one in _INNER):
        raise _refused(url)
    spelt = address_of(url.host)
    addresses = (spelt,) if spelt is not None else _looked_up(url)
    if not named and not all(rules.takes(one) for one in addresses):
        raise _refused(url)
    return addresses


def _looked_up(url: Url) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidArgument(f"The host {url.host!r} cannot be resolved.") from None
    texts = dict.fromkeys(str(info[4][0]) for info in found)
    # A scope ("%eth0") only comes with addresses of the own network, which are refused anyway.
    return tuple(ipaddress.ip_address(text.partition("%")[0]) for text in texts)


def _refused(url: Url) -> InvalidArgument:
    return InvalidArgument(
        f"The host {url.host!r} leads to an address that is not public. The operator can allow it "
        f"({settings.OUTBOUND_ALLOWED_HOSTS.name})."
    )


def check(text: str, rules: Policy) -> Url:
    """The URL, if it may be written down: spelling, port, and where its host leads now."""
    url = parse(text, rules)
    resolve(url, rules)
    return url


# --- the call ----------------------------------------------------------------------------------


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a call may take in all, and how much of its answer is read."""

    timeout_s: float = 10.0
    answer_bytes: int = 64 * 1024


def post(
    text: str, body: bytes, headers: Mapping[str, str], rules: Policy, limits: Limits
) -> tuple[int, bytes]:
    """POST *body*; the status and the first bytes of what came back, whatever the status.

    Raises `InvalidArgument` for a URL that may not be called (now), `Unreachable` when nobody
    answered in time.
    """
    url = parse(text, rules)
    deadline = time.monotonic() + limits.timeout_s
    link = _connected(url, resolve(url, rules), deadline)

    def cut() -> None:
        with contextlib.suppress(OSError):  # it may be gone already
            link.shutdown(socket.SHUT_RDWR)

    # A peer that sends a byte now and then would keep every single read within its time-out.
    guard = threading.Timer(max(deadline - time.monotonic(), 0.0), cut)
    guard.daemon = True
    guard.start()
    try:
        if url.scheme == "https":
            link = _trusting(rules.ca_file).wrap_socket(
                link, server_hostname=url.host, do_handshake_on_connect=False
            )
            link.do_handshake()
        answer = _exchange(link, url, body, headers, limits)
        if time.monotonic() >= deadline:
            raise TimeoutError  # it was cut, and what there is may be half of it
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() >= deadline
        said = "did not answer in time" if late else f"did not answer: {_kind(error)}"
        raise Unreachable(f"{url.origin} {said}.") from error
    else:
        return answer
    finally:
        guard.cancel()
        link.close()


def _connected(url: Url, addresses: tuple[Address, ...], deadline: float) -> socket.socket:
    """A connection to the first of *addresses* that takes it."""
    problem: OSError | None = None
    for address in addresses:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            break
        try:
            link = socket.create_connection((str(address), url.port), timeout=left_s)
        except OSError as error:
            problem = error
        else:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return link
    said = "did not answer in time" if problem is None else _kind(problem)
    raise Unreachable(f"{url.origin} cannot be reached: {said}.") from problem


def _exchange(
    link: socket.socket, url: Url, body: bytes, headers: Mapping[str, str], limits: Limits
) -> tuple[int, bytes]:
    exchange = http.client.HTTPConnection(url.host, url.port)
    exchange.sock = link
    exchange.request(
        "POST",
        url.target,
        body=body,
        headers={**headers, "Connection": "close", "Accept-Encoding": "identity"},
    )
    answer = exchange.getresponse()
    return answer.status, answer.read(limits.answer_bytes)


def _kind(error: Exception) -> str:
    """What went wrong, without the words of the other side."""
    match error:
        case ssl.SSLCertVerificationError():
            return "its certificate is not good"
        case ssl.SSLError():
            return "TLS failed"
        case TimeoutError():
            return "it did not answer in time"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionError() | http.client.IncompleteRead() | http.client.RemoteDisconnected():
            return "the connection was closed"
        case http.client.HTTPException():
            return "what came back is not HTTP"
    return "there is no way there"


@lru_cache(maxsize=4)
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
